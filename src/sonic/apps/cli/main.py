"""Entry point: parse, run, and turn every failure into one line and an exit code."""

import errno
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

from sonic.apps.cli.completion import complete
from sonic.apps.cli.parser import build_parser, engine_named
from sonic.apps.cli.show import Reporter, drop, put
from sonic.errors import NO_MEMORY, InstallError, OutputError, SonicError, lacks_memory

EXIT_STOPPED: dict[int, int] = {
    getattr(signal, name): code
    for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGBREAK", 149))
    if hasattr(signal, name)
}
"""Signals that end a command after it has cleaned up -> the exit code."""
EXIT_BROKEN_PIPE = 141
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Stops:
    """EXIT_STOPPED: all raise KeyboardInterrupt, so that the same clean-up runs, and are remembered.

    Remembered, because a native library that is being imported may turn the interrupt into an ImportError of its own.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "_Stops":
        for number in EXIT_STOPPED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._stop)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.exit_code = EXIT_STOPPED[number]
        raise KeyboardInterrupt


def script() -> int:
    """The console script: main() with the native libraries' chatter kept away from the terminal."""
    _open_standard_descriptors()
    _silence_native_libraries()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code that ``sonic --help`` documents."""
    words = list(sys.argv[1:] if argv is None else argv)
    reporter = Reporter(json_lines="--json" in words, quiet=False)  # until the words are understood
    when_stopped = "nothing was written"
    with _Stops() as stops:
        try:
            parser = build_parser(engine_named(words))
            complete(parser)
            arguments = parser.parse_args(_asking_for_help(words))
            reporter = Reporter(json_lines=arguments.json, quiet=getattr(arguments, "quiet", False))
            when_stopped = getattr(arguments, "when_stopped", when_stopped)
            with _telling_all() if getattr(arguments, "verbose", False) else nullcontext():
                return _printed(reporter, arguments.run(arguments, reporter) or 0)
        except SystemExit as done:  # after --help and --version
            _flush()
            raise done
        except (Exception, KeyboardInterrupt) as error:
            if stops.exit_code or isinstance(error, KeyboardInterrupt):
                reporter.stopped(when_stopped)
                return stops.exit_code or EXIT_STOPPED[signal.SIGINT]
            failure = _failure(error)
            reporter.error(failure)
            return failure.exit_code


def _asking_for_help(words: list[str]) -> list[str]:
    """``sonic help generate`` is ``sonic generate --help``."""
    return [*words[1:], "--help"] if words[:1] == ["help"] else words


@contextmanager
def _telling_all() -> Iterator[None]:
    """What Sonic's modules log goes to standard error, with the time that has passed."""
    handler, log = logging.StreamHandler(sys.stderr), logging.getLogger("sonic")
    handler.setFormatter(logging.Formatter("%(relativeCreated)7.0f ms  %(name)s: %(message)s"))
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _printed(reporter: Reporter, code: int) -> int:
    """The exit code of a command that did its work: another one if standard output did not take the result."""
    error = reporter.unprinted
    if error is None:
        return code
    if isinstance(error, BrokenPipeError):  # whoever reads has seen enough
        return EXIT_BROKEN_PIPE
    failure = OutputError(
        f"the result cannot be printed ({error.strerror}); files that were made are complete, make room for the output"
    )
    put(sys.stderr, f"sonic: {failure}")
    return failure.exit_code


def _failure(error: BaseException) -> SonicError:
    """What happened as an error of ours; with a traceback if it is a fault of Sonic."""
    if isinstance(error, SonicError):
        return error
    if lacks_memory(error):
        return SonicError(NO_MEMORY)
    if isinstance(error, ImportError):
        return InstallError(f"{error}; {_install_remedy(error)}")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return SonicError(f"{error.strerror}{_of(error)}; close other programs or make room, and run this again")
    if isinstance(error, PermissionError):
        return SonicError(f"permission denied{_of(error)}; give yourself access to it")
    put(sys.stderr, "".join(traceback.format_exception(error)).rstrip())
    what = f"{type(error).__name__}: {error}"
    return SonicError(f"this is a fault of Sonic ({what}); please report it with the lines above")


def _of(error: OSError) -> str:
    return f" ({error.filename!r})" if error.filename else ""


def _install_remedy(error: ImportError) -> str:
    """Another package's OpenCV, one that opens windows, may lie in place of ours; servers have no libraries for it."""
    if "libGL" in str(error) or "cv2" in str(error):
        return "pip install --force-reinstall --no-deps opencv-python-headless==4.11.0.86"
    return "reinstall sonic-talk"


def _open_standard_descriptors() -> None:
    """A standard stream that was closed leads nowhere: else the next file that is opened would be taken for it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def _flush() -> None:
    """Help that nobody reads is no failure at the exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            drop(stream)


def _silence_native_libraries() -> None:
    """onnxruntime tells file descriptor 2 of devices that it does not find, before any setting of its own can be made.

    Python keeps the real stderr under another descriptor, so that our own lines and tracebacks are still seen.
    """
    if sys.stderr is not None:
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
