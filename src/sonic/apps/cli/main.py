"""Entry point: parse, run, and turn every failure into one line and an exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from sonic.apps.cli.parser import build_parser
from sonic.apps.cli.show import Reporter
from sonic.errors import InstallError, SonicError

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
EXIT_BROKEN_PIPE = 141


class _Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C so that the same clean-up runs."""


def script() -> int:
    """The console script: main() with the native libraries' chatter kept away from the terminal."""
    _silence_native_libraries()
    return main()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code that ``sonic --help`` documents."""
    arguments = build_parser().parse_args(argv)
    reporter = Reporter(json_lines=arguments.json, quiet=getattr(arguments, "quiet", False))
    previous = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        arguments.run(arguments, reporter)
    except SonicError as error:
        reporter.error(error)
        return error.exit_code
    except ImportError as error:
        failure = InstallError(f"{error}; {_install_remedy(error)}")
        reporter.error(failure)
        return failure.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt as stop:
        reporter.stopped()
        return EXIT_TERMINATED if isinstance(stop, _Terminated) else EXIT_INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    raise _Terminated


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
