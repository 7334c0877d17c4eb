"""One function a command. Heavy imports happen here, when a command is chosen."""

import argparse
import tempfile
from contextlib import suppress
from pathlib import Path

from sonic.apps.cli import names
from sonic.apps.cli.ask import may_replace
from sonic.apps.cli.choose import chosen_settings
from sonic.apps.cli.generate import VIDEO, fail_with, make_one
from sonic.apps.cli.inputs import expanded, piped
from sonic.apps.cli.show import Reporter
from sonic.errors import InstallError, OutputError, SonicError

N_PREVIEW = 8


def demo(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic demo``"""
    from sonic import demo

    settings = chosen_settings(arguments)
    out, _ = names.named(arguments.out, ("demo",), VIDEO)
    make_one(arguments, demo.PORTRAIT, demo.SPEECH, out, demo.consent(), settings, reporter)


def preview(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic preview``"""
    from sonic.evaluation.contact_sheet import contact_sheet

    settings = chosen_settings(arguments)
    out = _picture_name(arguments, arguments.portrait, "-preview.png", arguments.speech)
    with tempfile.TemporaryDirectory(prefix="sonic-", ignore_cleanup_errors=True) as folder:
        contact_sheet(
            arguments.portrait,
            piped(arguments.speech, Path(folder)),
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

    settings, photos = chosen_settings(arguments), expanded(arguments.portrait)
    if len(photos) > 1 and arguments.out and not names.is_folder(arguments.out):
        raise OutputError(f"{len(photos)} pictures cannot all be {arguments.out!r}; give a folder: -o FOLDER/")
    failures: list[SonicError] = []
    for photo in photos:
        try:
            out = _picture_name(arguments, photo, "-inspect.png")
            seen = inspect_photo(Path(photo), out, settings)
            reporter.result(seen.to_text(), **seen.to_dict())
        except SonicError as error:
            if len(photos) > 1:
                reporter.error(error)
            failures.append(error)
    fail_with(failures, len(photos), "photos")


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
    raise OutputError(f"{str(out)!r} exists and is not a picture that Sonic made; add --overwrite or another --out")
