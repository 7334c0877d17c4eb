"""What a person or a machine sees while a command runs. Nothing that cannot be printed stops the work."""

import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:  # a help text needs no numpy
    from sonic.errors import SonicError
    from sonic.pipeline.job import Job, Pace
    from sonic.settings import Settings
    from sonic.types import Progress

REFRESH_S = 0.1
"""A terminal's progress line is redrawn at most this often."""
_WIDE = 90
"""Columns of a terminal from which there is room for a bar."""
QUIET_REFRESH_S = 5.0
"""A log file gets a line at most this often."""


class Reporter:
    """Progress, notices and results: text on stderr and stdout, or JSON lines on stdout."""

    unprinted: OSError | None = None
    """Why standard output did not take what a command was asked for; None if it did, or was closed from the start."""

    def __init__(self, *, json_lines: bool, quiet: bool) -> None:
        self._json = json_lines
        self._quiet = quiet
        self._terminal = is_terminal(sys.stderr)
        self._ink = Ink(sys.stderr)
        self._stage = ""
        self._pace: Pace | None = None
        self._last_drawn_s = 0.0
        self._line_open = False

    def progress(self, report: "Progress") -> None:
        """Stage, units per second and remaining time."""
        now_s = time.monotonic()
        rate, remaining_s = self._paced(report)
        if report.stage != self._stage:
            self._stage, self._last_drawn_s = report.stage, 0.0
        pause_s = REFRESH_S if self._terminal or self._json else QUIET_REFRESH_S
        finished = report.done >= report.total
        if self._quiet or (now_s - self._last_drawn_s < pause_s and not finished):
            return
        self._last_drawn_s = now_s
        if self._json:
            self._emit("progress", stage=report.stage, done=report.done, total=report.total,
                       per_second=round(rate, 2), remaining_s=round(remaining_s, 1))  # fmt: skip
            return
        line = progress_line(report, rate, remaining_s)
        wide = shutil.get_terminal_size().columns >= _WIDE
        self._draw(f"{bar(report, sys.stderr)} {line}" if self._terminal and wide else line, finished=finished)

    def _paced(self, report: "Progress") -> tuple[float, float]:
        if self._pace is None:
            from sonic.pipeline.job import Pace

            self._pace = Pace()
        return self._pace.of(report)

    def job(self, settings: "Settings") -> "Job":
        """A job that reports here."""
        from sonic.pipeline.job import Job
        from sonic.types import Observer

        return Job(settings, Observer(progress=self.progress, notice=self.notice))

    def heading(self, text: str) -> None:
        """Which of several pieces of work begins."""
        if self._json:
            self._emit("begin", what=text)
        elif not self._quiet:
            self._text(self._ink.bold(text))

    @property
    def draws_often(self) -> bool:
        """Whether progress is drawn over itself, or read by a program."""
        return self._terminal or self._json

    def event(self, event: str, **values: Any) -> None:
        """Something that machines alone hear of."""
        if self._json:
            self._emit(event, **values)

    def batch(self, done: int, total: int, failed: int, at_work: int, remaining_s: float) -> None:
        """How far many videos have come."""
        if self._json:
            self._emit("progress", stage="batch", done=done, total=total, failed=failed, at_work=at_work,
                       remaining_s=round(remaining_s, 1))  # fmt: skip
            return
        failing = f"  {failed} failed" if failed else ""
        left = f"  {clock(remaining_s)} left" if remaining_s and done < total else ""
        self._draw(f"batch    {done}/{total}{failing}  {at_work} at work{left}", finished=done >= total)

    def notice(self, line: str) -> None:
        """Something a person should read; not an error."""
        if self._json:
            self._emit("notice", message=line)
        else:
            self._text(f"{self._ink.yellow('note:')} {printable(line)}")

    def result(self, text: str, **values: Any) -> None:
        """What came of the command."""
        if self._json:
            self._emit("result", **values)
        else:
            self._close_line()
            self._print("\n".join(map(printable, text.split("\n"))))

    def raw(self, write: Callable[[TextIO], object]) -> None:
        """What came of a command, in a format of its own that ``write`` puts into a file: UTF-8, lines as they are."""
        if sys.stdout is None:
            return
        try:
            sys.stdout.flush()
            file = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
            try:
                write(file)
                file.flush()
            finally:
                file.detach()
        except OSError as error:
            drop(sys.stdout)
            self.unprinted = error

    def error(self, error: "SonicError") -> None:
        """One line; the exit code follows."""
        if self._json:
            self._emit("error", kind=type(error).__name__, message=str(error), exit_code=error.exit_code)
        else:
            self._text(f"{self._ink.red('sonic:')} {printable(str(error))}")

    def stopped(self, consequence: str) -> None:
        """The user stopped the command."""
        if self._json:
            self._emit("stopped", message=f"stopped; {consequence}")
        else:
            self._text(f"sonic: stopped; {consequence}")

    def _emit(self, event: str, **values: Any) -> None:
        self._print(json_line({"event": event, **values}, getattr(sys.stdout, "encoding", None)))

    def _print(self, text: str) -> None:
        self.unprinted = put(sys.stdout, text) or self.unprinted

    def _text(self, line: str) -> None:
        self._close_line()
        put(sys.stderr, line)

    def _draw(self, line: str, *, finished: bool) -> None:
        if not self._terminal:
            put(sys.stderr, line)
            return
        room = shutil.get_terminal_size().columns - 1
        put(sys.stderr, f"\r{line:<{room}.{room}}", end="")
        self._line_open = True
        if finished:
            self._close_line()

    def _close_line(self) -> None:
        if self._line_open:
            put(sys.stderr, "")
            self._line_open = False


class Ink:
    """Colours for people at a terminal; none in pipes and files, on a dumb terminal, and where NO_COLOR is set."""

    def __init__(self, stream: TextIO | None) -> None:
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self._on = bool(os.environ.get("FORCE_COLOR")) or (is_terminal(stream) and not plain and _takes_escapes())

    def bold(self, text: str) -> str:
        """A heading."""
        return self._in("1", text)

    def red(self, text: str) -> str:
        """An error."""
        return self._in("1;31", text)

    def yellow(self, text: str) -> str:
        """A notice."""
        return self._in("33", text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._on else text


def _takes_escapes() -> bool:
    """Whether colours reach the screen: the old console of Windows has to be asked."""
    return sys.platform != "win32" or bool(os.environ.get("WT_SESSION") or os.environ.get("TERM"))


def bar(report: "Progress", stream: TextIO | None, width: int = 20) -> str:
    """How much is done, as a bar of blocks, or of ASCII where the stream has no blocks."""
    full, empty = "█", "░"
    try:
        full.encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        full, empty = "#", "."
    done = round(width * min(report.done / max(report.total, 1), 1))
    return full * done + empty * (width - done)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sits at the other end; False for a stream that is closed."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def put(stream: TextIO | None, text: str, end: str = "\n") -> OSError | None:
    """Print; returns why that was not possible, and from then on what is printed there is dropped.

    What the stream's encoding lacks is escaped. A stream that was closed from the start takes everything.
    """
    try:
        try:
            print(text, end=end, file=stream, flush=True) if stream is not None else None
        except UnicodeEncodeError:
            encoding = getattr(stream, "encoding", None) or "ascii"
            print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=True)
    except OSError as error:
        drop(stream)
        return error
    except ValueError:  # closed meanwhile
        return None
    return None


def drop(stream: TextIO | None) -> None:
    """Send what is still buffered for a stream, and all that will be, nowhere."""
    with suppress(OSError, ValueError, AttributeError), open(os.devnull, "wb") as nowhere:
        if stream is not None:
            os.dup2(nowhere.fileno(), stream.fileno())


def printable(text: str) -> str:
    """``text`` on one line, with escapes for what is not seen: control characters, and those that turn others."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def json_line(values: dict[str, Any], encoding: str | None) -> str:
    """JSON on one line, with escapes for what the encoding lacks."""
    line = json.dumps(values, ensure_ascii=False)
    try:
        line.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(values)
    return line


def progress_line(report: "Progress", per_second: float, remaining_s: float) -> str:
    """``video     120/250  48%   31.0 frames/s   0:04 left``"""
    share = report.done / max(report.total, 1)
    unit = "frames/s" if report.stage == "video" else "/s"
    if not per_second:
        return f"{report.stage:<8} {report.done}/{report.total}  {share:4.0%}"
    if report.done >= report.total:
        return f"{report.stage:<8} {report.done}/{report.total}  done   {per_second:.1f} {unit}"
    left = f"{clock(remaining_s)} left" if report.done else ""
    return f"{report.stage:<8} {report.done}/{report.total}  {share:4.0%}   {per_second:.1f} {unit}   {left}".rstrip()


def clock(seconds: float) -> str:
    """``2:05``, ``1:02:05``"""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
