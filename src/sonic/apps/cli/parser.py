"""The command line's grammar. Every setting's option is built from its entry in settings.py."""

import argparse
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, get_args

from sonic import __version__
from sonic.apps.cli import commands, completion, config
from sonic.apps.cli.ask import add_confirmed
from sonic.apps.cli.batch import add_batch, add_caption_style
from sonic.apps.cli.check import add_check
from sonic.apps.cli.consent import add_consent
from sonic.apps.cli.generate import generate
from sonic.apps.cli.log import add_log
from sonic.apps.cli.options import add_command, add_overwrite
from sonic.apps.cli.studio import add_studio
from sonic.apps.cli.train import add_train
from sonic.apps.cli.usage import Parser
from sonic.apps.cli.verify import add_verify
from sonic.apps.cli.weights import add_weights
from sonic.settings import DEFAULTS, Phase, Setting, settings_table
from sonic.settings.presets import preset_names

EXIT_CODES = """\
exit codes:
  0 done                      5 no recorded consent
  1 other failure             6 the output cannot be written
  2 a setting or argument     7 weights or a package missing
  3 a photo or a recording  130 stopped with Ctrl-C
  4 the face                129, 143 hung up, terminated
  10 to 15: what `sonic verify` found, 16: `sonic check`, 17: `sonic batch`; 141: nobody read the result
"""
OVERVIEW = """\
One portrait and one speech recording become a labelled video of the portrait speaking.

  sonic demo                                        make a first video, of a fictional person
  sonic generate portrait.jpg speech.mp3 --consent self --subject "Ada Example"
  sonic studio                                      the same in the browser
  sonic inspect portrait.jpg                        would another photo be better?
  sonic verify video.mp4                            what is this video?

All commands: sonic help. One command: sonic help generate.
"""

RECORDING = "a recording: WAV, MP3, FLAC, OGG/Opus, M4A/AAC, AIFF, AMR, WMA, the sound of a video, or - for a pipe"
GENERATE_EXAMPLES = """\
examples:
  sonic generate portrait.jpg speech.mp3 -o out.mp4 --consent self --subject "Ada Example"
  sonic generate portrait.jpg speech.mp3 --preset quality --min-resolution 1024 --consent portrait.consent.json
  sonic generate portrait.png lesson.m4a --framing 9:16 --expand-ratio 0.2 \\
      --consent written --subject "Ada Example" --evidence "release form 2026-014"
  sonic generate teacher.jpg lessons/*.mp3 -o videos/          a video of each recording
  sonic generate presenter.png --text "Welcome." --voice en    speech by an installed espeak-ng or piper
  espeak-ng --stdout "Hello" | sonic generate portrait.jpg - -o - > out.mp4   from and into pipes
"""


def build_parser(engine: str = "light") -> argparse.ArgumentParser:
    """The whole grammar; ``arguments.run(arguments, reporter)`` runs the chosen command.

    ``engine`` is the one whose own settings the help shows; every setting is understood all the same.
    """
    parser = Parser(
        prog="sonic",
        description="One portrait and one speech recording become a labelled video of the portrait speaking.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sonic {__version__}")
    parser.overview = OVERVIEW
    commands_ = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_generate(commands_, engine)
    add_batch(commands_, lambda command: _add_settings(command, engine))
    _add_preview(commands_, engine)
    _add_inspect(commands_)
    _add_evaluate(commands_)
    _add_doctor(commands_)
    _add_demo(commands_, engine)
    completion.add_completion(commands_)
    _add_config(commands_)
    add_verify(commands_)
    add_check(commands_)
    add_consent(commands_)
    add_log(commands_)
    add_studio(commands_)
    add_train(commands_)
    add_weights(commands_)
    return parser


def _add_generate(parent: Any, engine: str) -> None:
    command = add_command(
        parent,
        "generate",
        "Make a video of a portrait speaking.",
        generate,
        GENERATE_EXAMPLES + "\n" + EXIT_CODES,
    )
    command.add_argument("portrait", help="a photo: JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF")
    command.add_argument("speech", nargs="*", help=f"{RECORDING}; several, and further photos: one video of each pair")
    command.add_argument("--text", metavar="TEXT|@FILE", help="what is said, instead of a recording; needs --voice")
    command.add_argument(
        "--voice", metavar="NAME|FILE",
        help="who says it: a language of an installed espeak-ng, such as en or cmn, or the .onnx of a piper voice",
    )  # fmt: skip
    command.add_argument(
        "-o", "--out", metavar="MP4|FOLDER|-",
        help="the video, - for standard output (default: PORTRAIT-SPEECH.mp4 in this or that folder)",
    )  # fmt: skip
    command.add_argument("--dry-run", action="store_true", help="check everything and say what would be made")
    command.add_argument("--open", action="store_true", help="show the video when it is done")
    add_overwrite(command)
    captions = command.add_argument_group("captions", "written beside the video as .vtt and .srt")
    captions.add_argument(
        "--captions", metavar="TEXT|SRT|VTT|auto",
        help="what is said; a text is timed by the recording; auto: what is recognised in it (extra captions)",
    )  # fmt: skip
    add_caption_style(captions)
    _add_consent(command)
    _add_settings(command, engine)


def _add_preview(parent: Any, engine: str) -> None:
    command = add_command(parent, "preview", "Draw a contact sheet of eight frames, in seconds.", commands.preview)
    _add_inputs(command)
    _add_picture(command, "the picture (default: PORTRAIT-preview.png)")
    _add_settings(command, engine)


def _add_inspect(parent: Any) -> None:
    help_ = "Draw what the face analysis sees on a photo, and say what would make a better one."
    command = add_command(parent, "inspect", help_, commands.inspect)
    command.add_argument("portrait", nargs="+", help="photos: JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF")
    _add_picture(command, "the picture, or a folder (default: PORTRAIT-inspect.png)")
    _add_settings(command, "light", phases=("frame",))


def _add_evaluate(parent: Any) -> None:
    help_ = "Measure a video by tracking its pixels: lips against sound, silence, head, blinks, flicker."
    command = add_command(parent, "evaluate", help_, commands.evaluate)
    command.add_argument("video", help="a video with sound, made by Sonic or not")
    _add_picture(command, "plot of mouth opening against loudness (default: VIDEO-evaluate.png)")
    command.add_argument(
        "--real", metavar="CLIP", help="the filmed clip of the same person saying the same: how like it the video is"
    )


def _add_doctor(parent: Any) -> None:
    help_ = "Report versions, codecs, weights with their hashes, and the speed of this machine."
    add_command(parent, "doctor", help_, commands.doctor)


def _add_config(parent: Any) -> None:
    help_ = "Show your defaults, such as consent, preset and folder, and where their file is."
    add_command(parent, "config", help_, config.show, f"The file is TOML, and could say:\n\n{config.EXAMPLE}")


def _add_demo(parent: Any, engine: str) -> None:
    help_ = "Make a video of the bundled fictional portrait saying the bundled recording."
    command = add_command(parent, "demo", help_, commands.demo)
    command.add_argument(
        "-o", "--out", metavar="MP4|FOLDER", default="demo.mp4", help="the video (default: %(default)s)"
    )
    command.add_argument("--open", action="store_true", help="show the video when it is done")
    add_overwrite(command)
    _add_settings(command, engine)


def _add_picture(command: argparse.ArgumentParser, help_: str) -> None:
    command.add_argument("-o", "--out", metavar="PNG|FOLDER", help=help_)
    add_overwrite(command)


def _add_inputs(command: argparse.ArgumentParser) -> None:
    command.add_argument("portrait", help="a photo: JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF")
    command.add_argument("speech", help=RECORDING)


def _add_consent(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("consent", "who allowed this video; recorded beside it")
    group.add_argument(
        "--consent",
        metavar="BASIS|FILE|ID",
        help="self (you are the person), written, licensed, synthetic (no real person), or a `sonic consent` file "
        "or its id (default: PORTRAIT.consent.json beside the photo)",
    )
    group.add_argument("--subject", help="the person in the portrait; not needed for synthetic")
    group.add_argument("--evidence", help="where the permission can be found; required for written and licensed")
    group.add_argument("--consent-given", metavar="DATE", help="day it was given, YYYY-MM-DD (default: today)")
    group.add_argument("--consent-expires", metavar="DATE", help="last day it holds, YYYY-MM-DD (default: never)")
    add_confirmed(group)


def _add_settings(command: argparse.ArgumentParser, engine: str, phases: tuple[Phase, ...] = get_args(Phase)) -> None:
    others = sorted({entry.engine for entry in settings_table().values()} - {"", engine, "light"})
    hint = "; ".join(f"those of engine {name}: --engine {name} --help" for name in others)
    group = command.add_argument_group("settings", hint if len(phases) > 1 else None)
    group.add_argument(
        "--preset",
        metavar="NAME|FILE",
        help=f"start from these settings: {', '.join(preset_names())}, or a TOML file; options override it",
    )
    groups = {"": group}
    for name, entry in settings_table().items():
        if entry.phase not in phases:
            continue
        shown = entry.engine in ("", engine)
        if shown and entry.engine not in groups:
            groups[entry.engine] = command.add_argument_group(f"settings of engine {entry.engine} alone")
        groups.get(entry.engine, group).add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            metavar=_metavar(entry),
            help=setting_help(name) if shown else argparse.SUPPRESS,
        )


def engine_named(argv: Sequence[str]) -> str:
    """The engine that these arguments name, before they are parsed; the default where they name none."""
    for argument, following in zip(argv, [*argv[1:], ""], strict=False):
        if argument == "--engine":
            return following
        if argument.startswith("--engine="):
            return argument.removeprefix("--engine=")
    return str(DEFAULTS["engine"])


def setting_help(name: str) -> str:
    """One setting's help line: what it does, its range or choices, its default."""
    entry = settings_table()[name]
    default = _default_text(name, entry)
    parts = [entry.help]
    if entry.choices:
        parts.append(", ".join(entry.choices) + ";")
    elif entry.low is not None and entry.high is not None:
        parts.append(f"{entry.low:.10g} to {entry.high:.10g}{' ' + entry.unit if entry.unit else ''};")
    if entry.recommended:
        parts.append(f"recommended {entry.recommended[0]:g} to {entry.recommended[1]:g};")
    return " ".join([*parts, f"default {default}"]).replace("%", "%%")


def _default_text(name: str, entry: Setting) -> str:
    from sonic.settings import Settings

    value = getattr(Settings(), name)
    if value is None:
        return entry.unset
    return f"{float(value):g}" if isinstance(value, float | int | Fraction) else str(value)


def _metavar(entry: Setting) -> str:
    return {int: "N", float: "X", Fraction: "FPS", str: "NAME"}[entry.kind]
