"""One function a command. Heavy imports happen here, when a command is chosen."""

import argparse
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli import names
from sonic.apps.cli.ask import confirm, day, may_replace
from sonic.apps.cli.consent import statement
from sonic.apps.cli.show import Reporter, printable
from sonic.errors import ConsentError, InstallError, OutputError, SettingError
from sonic.settings import Settings, settings_table
from sonic.settings.platforms import platform
from sonic.settings.presets import preset

if TYPE_CHECKING:
    from sonic.pipeline.captioning import CaptionRequest
    from sonic.provenance.consent import Consent

N_PREVIEW = 8
VIDEO = ".mp4"


def generate(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic generate``"""
    settings = _settings(arguments)
    consent = _consent(arguments)
    out, made_up = names.named(arguments.out, (arguments.portrait, arguments.speech), VIDEO)
    out = names.free(out, VIDEO, ".json") if made_up else out
    _generate(arguments, arguments.portrait, arguments.speech, out, consent, settings, reporter)


def demo(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic demo``"""
    from sonic import demo

    settings = _settings(arguments)
    out, _ = names.named(arguments.out, ("demo",), VIDEO)
    _generate(arguments, demo.PORTRAIT, demo.SPEECH, out, demo.consent(), settings, reporter)


def preview(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic preview``"""
    from sonic.evaluation.contact_sheet import contact_sheet

    settings = _settings(arguments)
    out = _picture_name(arguments, arguments.portrait, "-preview.png", arguments.speech)
    contact_sheet(
        arguments.portrait,
        arguments.speech,
        out,
        n_frames=N_PREVIEW,
        settings=settings,
        on_progress=reporter.progress,
        on_notice=reporter.notice,
    )
    reporter.result(str(out), picture=str(out))


def inspect(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic inspect``"""
    from sonic.evaluation.photo import inspect_photo

    settings = _settings(arguments)
    out = _picture_name(arguments, arguments.portrait, "-inspect.png")
    seen = inspect_photo(Path(arguments.portrait), out, settings)
    reporter.result(seen.to_text(), **seen.to_dict())


def evaluate(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic evaluate``"""
    from sonic.evaluation.video import compare, evaluate_video

    video = Path(arguments.video)
    out = _picture_name(arguments, video, "-evaluate.png", *filter(None, (arguments.real,)))
    report = evaluate_video(video, out, on_progress=reporter.progress)
    if arguments.real is None:
        reporter.result(report.to_text(), plot=str(out), **report.to_dict())
        return
    likeness = compare(report, evaluate_video(Path(arguments.real), None, on_progress=reporter.progress))
    text = f"{report.to_text()}\n\nbeside {Path(arguments.real).name}:\n{likeness.to_text()}"
    reporter.result(text, plot=str(out), **report.to_dict(), likeness=likeness.to_dict())


def doctor(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic doctor``"""
    from sonic.doctor import examine

    report = examine()
    reporter.result(report.to_text(), **report.to_dict())
    if report.problems:
        raise InstallError(f"{len(report.problems)} of the checks failed; each is listed above with its remedy")


def _generate(
    arguments: argparse.Namespace,
    portrait: str | Path,
    speech: str | Path,
    out: Path,
    consent: "Consent",
    settings: Settings,
    reporter: Reporter,
) -> None:
    from sonic.api import generate as run
    from sonic.pipeline.write import is_foreign

    result = run(
        portrait,
        speech,
        out,
        consent=consent,
        settings=settings,
        captions=_captions(arguments),
        overwrite=may_replace(arguments, out, foreign=is_foreign(out)),
        on_progress=reporter.progress,
        on_notice=reporter.notice,
    )
    width, height = result.size_px
    reporter.result(
        f"{printable(str(result.video))}  {width}x{height}, {result.duration_s:.2f} s, labelled AI-generated\n"
        f"{printable(str(result.record))}  consent and hashes; show the label wherever the video is shown",
        video=str(result.video),
        record=str(result.record),
        duration_s=round(result.duration_s, 3),
        n_frames=result.n_frames,
        width=width,
        height=height,
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings().replace(**chosen_settings(arguments))


def _captions(arguments: argparse.Namespace) -> "CaptionRequest | None":
    """What was asked for of captions. Raises SettingError for a style without captions."""
    from sonic.captions.draw import CaptionStyle
    from sonic.pipeline.captioning import CaptionRequest

    if getattr(arguments, "captions", None) is None:
        if getattr(arguments, "burn_in", False) or getattr(arguments, "karaoke", False):
            raise SettingError("--burn-in and --karaoke draw captions, and there are none; add --captions with a text")
        return None
    drawn = arguments.burn_in or arguments.karaoke
    style = CaptionStyle(arguments.caption_font, arguments.karaoke) if drawn else None
    return CaptionRequest(Path(arguments.captions), style)


def chosen_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Preset, platform and options as one: the values that somebody chose. Raises SettingError."""
    values: dict[str, Any] = preset(arguments.preset) if getattr(arguments, "preset", None) else {}
    if getattr(arguments, "platform", None):
        values |= platform(arguments.platform).settings
    given = {name: value for name in settings_table() if (value := getattr(arguments, name, None)) is not None}
    _check_for_engine(Settings().replace(**values | given), given)
    return values | given


def _check_for_engine(settings: Settings, given: Iterable[str]) -> None:
    """Raise SettingError for an engine that is not there, and for an option that this engine does not heed."""
    from sonic.engines import check_engine

    check_engine(settings.engine)
    for name in given:
        if (engine := settings_table()[name].engine) not in ("", settings.engine):
            raise SettingError(
                f"--{name.replace('_', '-')} is for engine {engine} alone, and this is engine {settings.engine}; "
                f"leave it out, or add --engine {engine}"
            )


def _consent(arguments: argparse.Namespace) -> "Consent":
    consent = stated_consent(arguments)
    if consent.basis == "self" and consent.signature is None:
        confirm(arguments, statement(consent))
    return consent


def stated_consent(arguments: argparse.Namespace) -> "Consent":
    """What the options say of consent, not confirmed yet. Raises ConsentError."""
    from sonic.provenance.consent import BASES, Consent

    if arguments.consent not in BASES:
        return Consent.from_file(Path(arguments.consent))
    if not arguments.subject and arguments.consent != "synthetic":
        raise ConsentError(f"--consent {arguments.consent} names nobody; add --subject with the person's name")
    return Consent(
        subject=arguments.subject or "",
        basis=arguments.consent,
        given_on=day(arguments.consent_given, "--consent-given") or date.today(),
        expires_on=day(arguments.consent_expires, "--consent-expires"),
        evidence=arguments.evidence,
    )


def _picture_name(arguments: argparse.Namespace, source: str | Path, suffix: str, *inputs: str | Path) -> Path:
    """Where a command's picture goes; raises OutputError, before any work is done, if that cannot be.

    Without a name it is called after ``source``, and takes the place of a picture of an earlier run.
    """
    from sonic.media.images import is_foreign

    out, made_up = names.named(arguments.out, (source,), suffix)
    with suppress(OSError, ValueError):
        if any(out.samefile(path) for path in (source, *inputs)):
            raise OutputError(f"{str(out)!r} is an input of this command and is kept; give another output name")
    if not is_foreign(out) or may_replace(arguments, out, foreign=not made_up):
        return out
    if made_up:
        return names.free(out, out.suffix)
    raise OutputError(f"{str(out)!r} exists and is not a picture that Sonic made; give another name, or add --force")
