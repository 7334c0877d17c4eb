"""Entry point: parse, run, and turn every failure into one line and an exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from sonic.apps.cli.parser import build_parser
from sonic.apps.cli.show import Reporter
from sonic.errors import InstallError, SonicError

EXIT_STOPPED: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}
EXIT_BROKEN_PIPE = 141


class _Stops:
    """SIGINT and SIGTERM: both raise KeyboardInterrupt, so that the same clean-up runs, and are remembered.

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
    _silence_native_libraries()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code that ``sonic --help`` documents."""
    arguments = build_parser().parse_args(argv)
    reporter = Reporter(json_lines=arguments.json, quiet=getattr(arguments, "quiet", False))
    with _Stops() as stops:
        try:
            return arguments.run(arguments, reporter) or 0
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BROKEN_PIPE
        except (SonicError, ImportError, KeyboardInterrupt) as error:
            if stops.exit_code or isinstance(error, KeyboardInterrupt):
                reporter.stopped(getattr(arguments, "when_stopped", "nothing was written"))
                return stops.exit_code or EXIT_STOPPED[signal.SIGINT]
            failure = InstallError(f"{error}; {_install_remedy(error)}") if isinstance(error, ImportError) else error
            reporter.error(failure)
            return failure.exit_code


def _install_remedy(error: ImportError) -> str:
    """MediaPipe pulls in an OpenCV that opens windows; a server has not the system libraries for it."""
    if ".so" in str(error):
        return "pip install --force-reinstall --no-deps opencv-python-headless==4.11.0.86"
    return "reinstall sonic-talk"


def _silence_native_libraries() -> None:
    """MediaPipe's C++ writes start-up chatter to file descriptor 2 that no setting turns off.

    Python keeps the real stderr under another descriptor, so that our own lines and tracebacks are still seen.
    """
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
