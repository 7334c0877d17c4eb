"""``sonic generate``: one video, or one of every portrait with every recording, into files, a folder or a pipe."""

import argparse
import dataclasses
import os
import sys
import tempfile
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli import names
from sonic.apps.cli.ask import may_replace
from sonic.apps.cli.choose import chosen_captions, chosen_consent, chosen_settings
from sonic.apps.cli.config import defaults
from sonic.apps.cli.inputs import TEXT, piped, sorted_inputs, spoken_text, stem
from sonic.apps.cli.show import Reporter, is_terminal, printable
from sonic.errors import OutputError, SettingError, SonicError
from sonic.speech.synthesis import synthesise

if TYPE_CHECKING:
    from sonic.pipeline.captioning import CaptionRequest
    from sonic.pipeline.stages import Result
    from sonic.provenance.consent import Consent
    from sonic.session import Delivered, Session
    from sonic.settings import Settings

VIDEO, RECORD = ".mp4", ".json"
STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Task:
    """One video to be made."""

    portrait: str | Path
    speech: str | Path
    out: Path | None
    """None is standard output."""
    consent: "Consent"
    settings: "Settings"
    overwrite: bool = False
    captions: "CaptionRequest | None" = None
    notice: str = ""
    """What is to be known of its speech."""


def generate(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic generate``"""
    with tempfile.TemporaryDirectory(prefix="sonic-", ignore_cleanup_errors=True) as folder:
        _generate(arguments, reporter, Path(folder))


def _generate(arguments: argparse.Namespace, reporter: Reporter, folder: Path) -> None:
    settings = chosen_settings(arguments)
    text = spoken_text(arguments.text, arguments.voice, arguments.speech)
    inputs = sorted_inputs(arguments.portrait, [TEXT] if text is not None else arguments.speech)
    captions = chosen_captions(arguments)
    if captions is not None and len(inputs.pairs) > 1:
        raise SettingError(
            f"--captions is one text and there are {len(inputs.pairs)} videos; use sonic batch --captions"
        )
    consents = {portrait: chosen_consent(arguments, portrait, reporter) for portrait in inputs.portraits}
    outs = _outputs(arguments, inputs.pairs)
    tasks = [
        Task(
            portrait, speech, out, consents[portrait], settings, overwrite=_overwrite(arguments, out), captions=captions
        )
        for (portrait, speech), out in zip(inputs.pairs, outs, strict=True)
        if not _kept(arguments, out, reporter)
    ]
    tasks = _with_speech(tasks, inputs.recordings, text, arguments.voice, folder)
    if arguments.dry_run:
        run_all(tasks, reporter, _planned)
    else:
        made = run_all(tasks, reporter, _made)
        if arguments.open and made:
            _open(made[0])


def _with_speech(
    tasks: list[Task], recordings: tuple[str, ...], text: str | None, voice: str | None, folder: Path
) -> list[Task]:
    """The tasks with files for what has none yet: a text to be spoken, or standard input, which is read only once."""
    if not tasks:
        return tasks
    if text is not None and voice is not None:
        made = synthesise(text, voice, folder)
        return [dataclasses.replace(task, speech=made.file, notice=made.notice) for task in tasks]
    files = {name: piped(name, folder) for name in recordings}
    return [dataclasses.replace(task, speech=files[str(task.speech)]) for task in tasks]


def make_one(
    arguments: argparse.Namespace,
    portrait: Path,
    speech: Path,
    out: Path,
    consent: "Consent",
    settings: "Settings",
    reporter: Reporter,
) -> None:
    """One video of these very inputs, for ``sonic demo``."""
    if _kept(arguments, out, reporter):
        return
    task = Task(portrait, speech, out, consent, settings, overwrite=_overwrite(arguments, out))
    made = run_all([task], reporter, _made)
    if arguments.open:
        _open(made[0])


def run_all(tasks: list[Task], reporter: Reporter, run: Any) -> list[Path]:
    """Each task in one session; returns what was made. One that fails does not stop the others, but fails the whole."""
    from sonic.session import Session

    made: list[Path] = []
    failures: list[SonicError] = []
    with Session() as session:
        for number, task in enumerate(tasks, 1):
            if len(tasks) > 1:
                reporter.heading(f"[{number}/{len(tasks)}] {printable(str(task.out))}")
            try:
                made += run(session, task, reporter)
            except SonicError as error:
                failures.append(error)
                if len(tasks) > 1:
                    reporter.error(error)
    fail_with(failures, len(tasks), "videos")
    return made


def fail_with(failures: list[SonicError], n: int, what: str) -> None:
    """Raise what became of ``n`` inputs of which each was tried, if any failed."""
    if failures and n > 1:
        raise type(failures[0])(f"{len(failures)} of {n} {what} failed; the errors above say why and what to do")
    if failures:
        raise failures[0]


def _made(session: "Session", task: Task, reporter: Reporter) -> list[Path]:
    job = reporter.job(task.settings)
    if task.notice:
        job.observer.notice(task.notice)
    if task.out is None:
        _tell_delivered(
            session.generate(task.portrait, task.speech, sys.stdout.buffer, consent=task.consent, job=job), reporter
        )
        return []
    result = session.generate(
        task.portrait,
        task.speech,
        task.out,
        consent=task.consent,
        job=job,
        overwrite=task.overwrite,
        captions=task.captions,
    )
    _tell(result, reporter)
    return [result.video]


def _planned(session: "Session", task: Task, reporter: Reporter) -> list[Path]:
    plan = session.plan(
        task.portrait,
        task.speech,
        task.out,
        consent=task.consent,
        job=reporter.job(task.settings),
        overwrite=task.overwrite,
    )
    width, height = plan.size_px
    time = f"about {plan.takes_s:.0f} s on this machine" if plan.takes_s else "its time is not known beforehand"
    out = printable(str(task.out or "standard output"))
    reporter.result(
        f"{out}  {width}x{height}, {plan.duration_s:.2f} s, {plan.n_frames} frames; {time}; nothing was written",
        would_write=str(task.out) if task.out else None,
        duration_s=round(plan.duration_s, 3),
        n_frames=plan.n_frames,
        width=width,
        height=height,
        takes_s=round(plan.takes_s, 1) if plan.takes_s else None,
    )
    return []


def _tell(result: "Result", reporter: Reporter) -> None:
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


def _tell_delivered(made: "Delivered", reporter: Reporter) -> None:
    reporter.notice(
        f"the video of {made.duration_s:.2f} s went to standard output, signed; its record could not lie beside it, "
        "but the audit log names it: sonic log list"
    )


def _outputs(arguments: argparse.Namespace, pairs: list[tuple[str, str]]) -> list[Path | None]:
    """Where each video goes. Raises OutputError where several would have to share one name."""
    given = arguments.out or defaults().out
    if given == STDOUT:
        _check_standard_output(arguments, len(pairs))
        return [None]
    if len(pairs) > 1 and given is not None and not names.is_folder(given):
        raise OutputError(f"{len(pairs)} videos cannot all be {given!r}; give a folder: -o FOLDER/")
    outs: list[Path | None] = []
    for pair in pairs:
        out, made_up = names.named(given, [stem(name) for name in pair], VIDEO)
        numbered = made_up and not (arguments.overwrite or arguments.no_clobber)
        outs.append(names.free(out, VIDEO, RECORD, taken=outs) if numbered or out in outs else out)
    return outs


def _check_standard_output(arguments: argparse.Namespace, n_videos: int) -> None:
    if n_videos > 1 or arguments.json or arguments.dry_run or is_terminal(sys.stdout):
        raise OutputError("-o - writes one video to a pipe or a file; redirect it (> out.mp4) and leave out --json")


def _overwrite(arguments: argparse.Namespace, out: Path | None) -> bool:
    from sonic.pipeline.write import is_foreign

    return out is not None and may_replace(arguments, out, foreign=is_foreign(out))


def _kept(arguments: argparse.Namespace, out: Path | None, reporter: Reporter) -> bool:
    """Whether --no-clobber leaves what is there."""
    if out is None or not arguments.no_clobber or not os.path.lexists(out):
        return False
    reporter.notice(f"{str(out)!r} exists and is kept; nothing was made")
    return True


def _open(video: Path) -> None:
    """Show it in the program that this system plays videos with."""
    if not webbrowser.open(video.resolve().as_uri()):
        raise SettingError("--open found no program that plays videos here; the video itself is complete")
