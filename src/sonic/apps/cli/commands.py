"""One function a command. Heavy imports happen here, when a command is chosen."""

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli.ask import confirm, day
from sonic.apps.cli.consent import statement
from sonic.apps.cli.show import Reporter
from sonic.errors import ConsentError, InstallError, OutputError
from sonic.settings import Settings, knobs, preset

if TYPE_CHECKING:
    from sonic.provenance.consent import Consent

N_PREVIEW = 8


def generate(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic generate``"""
    settings = _settings(arguments)
    consent = _consent(arguments)
    out = arguments.out or _free_name(f"{Path(arguments.portrait).stem}-{Path(arguments.speech).stem}", ".mp4")
    _generate(arguments.portrait, arguments.speech, out, consent, settings, reporter)


def demo(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic demo``"""
    from sonic import demo

    _generate(demo.PORTRAIT, demo.SPEECH, arguments.out, demo.consent(), _settings(arguments), reporter)


def preview(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic preview``"""
    from sonic.sheet import contact_sheet

    out = _picture_name(arguments.out, arguments.portrait, "-preview.png", arguments.speech)
    contact_sheet(
        arguments.portrait,
        arguments.speech,
        out,
        n_frames=N_PREVIEW,
        settings=_settings(arguments),
        on_progress=reporter.progress,
        on_notice=reporter.notice,
    )
    reporter.result(f"{out}", picture=str(out))


def inspect(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic inspect``"""
    from sonic.inspection import inspect_photo

    out = _picture_name(arguments.out, arguments.portrait, "-inspect.png")
    seen = inspect_photo(Path(arguments.portrait), out, _settings(arguments))
    reporter.result(seen.to_text(), **seen.to_dict())


def evaluate(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic evaluate``"""
    from sonic.evaluate import compare, evaluate_video

    video = Path(arguments.video)
    out = _picture_name(arguments.out, video, "-evaluate.png")
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
    portrait: str | Path,
    speech: str | Path,
    out: str | Path,
    consent: "Consent",
    settings: Settings,
    reporter: Reporter,
) -> None:
    from sonic.pipeline import generate as run

    result = run(
        portrait,
        speech,
        out,
        consent=consent,
        settings=settings,
        on_progress=reporter.progress,
        on_notice=reporter.notice,
    )
    width, height = result.size_px
    reporter.result(
        f"{result.video}  {width}x{height}, {result.duration_s:.2f} s, labelled AI-generated\n"
        f"{result.record}  consent and hashes; show the label wherever the video is shown",
        video=str(result.video),
        record=str(result.record),
        duration_s=round(result.duration_s, 3),
        n_frames=result.n_frames,
        width=width,
        height=height,
    )


def _settings(arguments: argparse.Namespace) -> Settings:
    values: dict[str, Any] = preset(arguments.preset) if getattr(arguments, "preset", None) else {}
    given = {name: value for name in knobs() if (value := getattr(arguments, name, None)) is not None}
    return Settings().replace(**values | given)


def _consent(arguments: argparse.Namespace) -> "Consent":
    from sonic.provenance.consent import BASES, Consent

    if arguments.consent not in BASES:
        return Consent.from_file(Path(arguments.consent))
    if not arguments.subject:
        raise ConsentError(f"--consent {arguments.consent} names nobody; add --subject with the person's name")
    consent = Consent(
        subject=arguments.subject,
        basis=arguments.consent,
        given_on=day(arguments.consent_given, "--consent-given") or date.today(),
        expires_on=day(arguments.consent_expires, "--consent-expires"),
        evidence=arguments.evidence,
    )
    if consent.basis == "self":
        confirm(arguments, statement(consent))
    return consent


def _picture_name(given: str | None, source: str | Path, suffix: str, *inputs: str | Path) -> Path:
    """Where a command's picture goes; raises OutputError, before any work is done, if that cannot be.

    Without a name it is in this folder, named after ``source``, and replaces the picture of an earlier run.
    """
    out = Path(given or f"{Path(source).stem}{suffix}")
    if not out.parent.is_dir():
        raise OutputError(f"output folder {str(out.parent)!r} does not exist; create it first")
    if any(out.exists() and Path(path).exists() and out.samefile(path) for path in (source, *inputs)):
        raise OutputError(f"{str(out)!r} is an input of this command and is kept; give another output name")
    return out


def _free_name(stem: str, suffix: str) -> Path:
    """A name in this folder that nothing has yet: a default never replaces a file."""
    number = 1
    while (path := Path(f"{stem}{'' if number == 1 else f'-{number}'}{suffix}")).exists():
        number += 1
    return path
