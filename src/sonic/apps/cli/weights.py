"""``sonic weights``: what the engines need that was trained, where it lies, whether it is right, and getting it."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli import weights_captions as captions
from sonic.apps.cli.ask import agreed, can_ask
from sonic.apps.cli.options import add_command, add_group
from sonic.apps.cli.show import Reporter, put
from sonic.errors import InstallError, SettingError

if TYPE_CHECKING:
    from sonic.downloads import Wanted
    from sonic.engines.svd.weights.check import Finding
    from sonic.types import Stage

ABOUT = """\
Engine light ships its weights with Sonic; there is nothing to do for it.

Captions that are recognised (--captions auto), and languages that are found, need Whisper base by OpenAI, 148 MB, MIT:
  sonic weights fetch --for captions    into the Hugging Face cache
A folder of yours with such a model (model.bin, config.json, tokenizer.json, as faster-whisper takes them) does as well:
name it in SONIC_WEIGHTS or with --caption-weights.

Engine svd uses weights that others publish. They are not part of Sonic, have licences of their own (those of Sonic's
authors forbid commercial use), and are downloaded only by `sonic weights fetch`, which asks first. Get them once:
  sonic weights fetch                   some 9.7 GB, into the Hugging Face cache
  sonic weights check                   are they the published ones?
  sonic generate photo.jpg speech.wav --engine svd --consent self --subject "Ada Example"

If you have them already, name their folder: with --weights-folder, in the variable SONIC_WEIGHTS, or as FOLDER here.
Found in it are the layouts that people have:
  Sonic's own     Sonic/unet.pth  audio2token.pth  audio2bucket.pth,  RIFE/flownet.pkl,  whisper-tiny/,
                  stable-video-diffusion-img2vid-xt/
  ComfyUI         models/sonic/ with the same files, models/checkpoints/svd_xt.safetensors; FOLDER is ComfyUI itself
  Hugging Face    its cache, looked into without being named (HF_HOME, HF_HUB_CACHE)
"""
FETCH_ABOUT = """\
examples:
  sonic weights fetch                                   ask, then download what is missing
  sonic weights fetch --folder /data/weights --half     half precision where it is published: 1.5 GB less
  sonic weights fetch --for captions                    what recognises captions: Whisper base, 148 MB
  sonic weights fetch --yes --json                      for scripts: agrees to the licences without being asked

After Ctrl-C or a network failure, what has been downloaded is kept; run the same command again to resume.
"""
CONVERT_ABOUT = """\
.pth and .pkl files are pickles: a format that can hold programs. Sonic reads only tensors from them and refuses all
else; a safetensors file cannot hold a program, and opens at once. Written beside each source, which stays and can be
deleted afterwards; where both are, the safetensors file is used.
"""
WHEN_STOPPED = "what has been downloaded or finished is kept; run the same command again to resume"


def add_weights(parent: Any) -> None:
    """The command and what it does."""
    help_ = "List, find, check, download and convert the weights that the engines use."
    actions = add_group(parent, "weights", help_, ABOUT)
    for name, text, run in (
        ("list", "Every file with its source, size, licence and SHA-256, and whether it is here.", list_),
        ("check", "Compare names, shapes and SHA-256 with the published ones; exit code 7 if one differs.", check),
        ("where", "Say which file of each part is used, and which folders are looked into.", where),
    ):
        command = _action(actions, name, text, run)
        _add_folder(command)
        if run is not list_:
            _add_for(command)
    text = "Ask, then download what is missing (extra `gpu` or `captions`)."
    command = _action(actions, "fetch", text, fetch, FETCH_ABOUT)
    _add_for(command)
    command.add_argument("--folder", metavar="FOLDER", type=Path, help="download to here (default: Hugging Face cache)")
    command.add_argument("--half", action="store_true", help="half precision where that is published")
    command.add_argument("--yes", action="store_true", help="agree to the licences and download without being asked")
    text = "Make safetensors files of .pth and .pkl files (extra `gpu`)."
    command = _action(actions, "convert", text, convert, CONVERT_ABOUT)
    _add_folder(command)
    command.add_argument("--half", action="store_true", help="the UNet in half precision: 3.2 instead of 6.3 GB")


def _action(parent: Any, name: str, help_: str, run: Any, epilog: str = "") -> argparse.ArgumentParser:
    return add_command(parent, name, help_, run, epilog, when_stopped=WHEN_STOPPED)


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "folder", nargs="?", type=Path, metavar="FOLDER", help="look here first (default: $SONIC_WEIGHTS)"
    )


def _add_for(command: argparse.ArgumentParser) -> None:
    help_ = "what they are for: engine svd, or captions that are recognised (default: %(default)s)"
    command.add_argument("--for", dest="use", choices=("svd", "captions"), default="svd", help=help_)


def list_(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic weights list``"""
    from dataclasses import asdict

    from sonic.captions.recogniser_weights import PART, find
    from sonic.engines.svd.weights.catalogue import PARTS
    from sonic.engines.svd.weights.checkpoints import search
    from sonic.weights import TABLE

    found = search(arguments.folder).files
    lines = ["engine light, shipped with Sonic:"]
    lines += [f"  {name:14} {e.file:26} {e.licence:18} SHA-256 {e.sha256[:12]}" for name, e in TABLE.items()]
    lines += ["", "engine svd, published by others on huggingface.co:"]
    for name, part in PARTS.items():
        here = "(settings)" if not part.n_tensors else "here" if name in found else "MISSING"
        lines.append(f"  {name:14} {here:10} {_size(part.n_bytes):>8}  {part.licence.name}: {part.purpose}")
        for file in part.files:
            known = f"SHA-256 {file.sha256[:12]}" if file.sha256 else "SHA-256 not known"
            lines.append(f"  {'':14} {part.repository}/{file.path}  {known}")
    lines += ["", *captions.lines(arguments.folder), "", *_licences([*PARTS.values(), PART])]
    reporter.result(
        "\n".join(lines),
        light={name: asdict(entry) for name, entry in TABLE.items()},
        svd={name: asdict(part) | {"found": _text(found.get(name))} for name, part in PARTS.items()},
        captions={PART.name: asdict(PART) | {"found": _text(find(arguments.folder))}},
    )


def where(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic weights where``"""
    if arguments.use == "captions":
        captions.where(arguments.folder, reporter)
        return
    from sonic.engines.svd.weights.catalogue import PARTS
    from sonic.engines.svd.weights.checkpoints import roots, search

    located = search(arguments.folder)
    files = {name: _text(located.files.get(name)) for name, part in PARTS.items() if part.n_tensors}
    lines = [f"{name:14} {file or 'missing'}" for name, file in files.items()]
    looked = [str(root) for root in roots(arguments.folder)]
    lines += ["looked in:", *(f"  {root}" for root in looked or ["no folder: none is given, and none of the usual is"])]
    if None in files.values():
        lines.append("`sonic weights fetch` gets what is missing; `sonic weights --help` shows the layouts")
    reporter.result("\n".join(lines), files=files, looked_in=looked)


def check(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic weights check``"""
    if arguments.use == "captions":
        captions.check(arguments.folder, reporter)
        return
    from sonic.engines.svd.weights.check import check as run
    from sonic.engines.svd.weights.checkpoints import search

    findings = list(run(search(arguments.folder), _watch(reporter, "check")))
    bad = [finding.part for finding in findings if finding.problems]
    reporter.result("\n".join(_lines(findings)), good=not bad, parts=[_values(finding) for finding in findings])
    if bad:
        raise InstallError(f"not the published weights, or not all: {', '.join(bad)}; see above")


def fetch(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic weights fetch``"""
    from sonic import downloads as run

    wanted = _missing(arguments)
    if not wanted:
        reporter.result("nothing is missing; `sonic weights where` shows where all parts are", files=[])
        return
    run.require_hub(wanted[0].part.extra)
    if not arguments.yes:
        if not can_ask(arguments):
            raise SettingError(
                "`sonic weights fetch` asks before it downloads, and here is nobody to ask; "
                "--yes agrees to the licences that `sonic weights list` shows"
            )
        if not _agreed(wanted, arguments.folder):
            reporter.result("nothing was downloaded", files=[])
            return
    observer = _watch(reporter, "download")
    files = run.fetch(wanted, arguments.folder, on_file=lambda item, done, total: observer(item.file.path, done, total))
    text = f"{len(files)} files in {run.destination(arguments.folder)}\nnow: sonic weights check"
    text += " --for captions" if arguments.use == "captions" else ""
    if arguments.folder:
        option = "--caption-weights" if arguments.use == "captions" else "--weights-folder"
        text += f" {arguments.folder}; and name this folder in SONIC_WEIGHTS or with {option}"
    reporter.result(text, files=[str(file) for file in files])


def _missing(arguments: argparse.Namespace) -> "list[Wanted]":
    if arguments.use == "captions":
        from sonic.captions.recogniser_weights import missing as of_captions

        return of_captions(arguments.folder)
    from sonic.engines.svd.weights.fetch import missing

    return missing(arguments.folder, half=arguments.half)


def convert(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic weights convert``"""
    from sonic.engines.svd.weights.check import lacking
    from sonic.engines.svd.weights.convert import convert as run

    if lacking():
        raise InstallError(f"converting needs {', '.join(lacking())}; pip install 'sonic-talk[gpu]'")
    made = run(arguments.folder, half=arguments.half, on_part=_watch(reporter, "convert"))
    lines = [f"{item.file}  {_size(item.n_bytes)}{'' if item.fresh else ', made earlier'}" for item in made]
    reporter.result("\n".join(lines), files={item.part: str(item.file) for item in made})


def _agreed(wanted: "list[Wanted]", folder: Path | None) -> bool:
    """What is to come and on which terms, then the question."""
    from sonic.downloads import destination, free_bytes

    place = destination(folder)
    lines = [
        f"  {_size(item.n_bytes):>8}  {item.part.repository}/{item.file.path}  ({item.part.licence.name})"
        for item in wanted
    ]
    total = sum(item.n_bytes for item in wanted)
    lines += ["", *_licences(item.part for item in wanted)]
    lines.append(f"{_size(total)} to {place}, which has {_size(free_bytes(place))} free")
    put(sys.stderr, "\n".join(lines))
    return agreed("Agree to these licences and download?")


def _licences(parts: Iterable[Any]) -> list[str]:
    """Each licence of these parts once, in words; a warning where one forbids commercial use."""
    licences = list(dict.fromkeys(part.licence for part in parts))
    lines = [f"{licence.name}: {licence.meaning}\n  {licence.url}" for licence in licences]
    if any(licence.meaning.startswith("no commercial") for licence in licences):
        lines.append("NOT FOR COMMERCIAL USE: the authors of some of these weights do not allow it.")
    return lines


def _lines(findings: "list[Finding]") -> list[str]:
    lines = []
    for finding in findings:
        state = "PROBLEM" if finding.problems else "good"
        lines.append(f"{finding.part:14} {state:8} {finding.file or ''}")
        lines += [f"{'':14} {line}" for line in finding.problems]
        lines += [f"{'':14} checked: {', '.join(finding.good)}"] if finding.good else []
        lines += [f"{'':14} not checked: {line}" for line in finding.unknown]
    return lines


def _values(finding: "Finding") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(finding) | {"file": _text(finding.file)}


def _watch(reporter: Reporter, stage: "Stage") -> Callable[[str, int, int], None]:
    """Progress over parts or files."""

    def observer(name: str, done: int, total: int) -> None:
        from sonic.types import Progress

        reporter.progress(Progress(stage, done, total))

    return observer


def _size(n_bytes: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1e3:.1f} kB"


def _text(file: Path | None) -> str | None:
    return None if file is None else str(file)
