"""Entry point: parse, run, and turn every failure into one line and an exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from sonic.apps.cli.parser import build_parser
from sonic.apps.cli.show import Reporter
from sonic.errors import SonicError

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
EXIT_BROKEN_PIPE = 141


class _Terminated(KeyboardInterrupt):
    """SIGTERM, treated as Ctrl-C so that the same clean-up runs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code that ``sonic --help`` documents."""
    arguments = build_parser().parse_args(argv)
    _quiet_native_logs()
    reporter = Reporter(json_lines=arguments.json, quiet=getattr(arguments, "quiet", False))
    previous = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        arguments.run(arguments, reporter)
    except SonicError as error:
        reporter.error(error)
        return error.exit_code
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


def _quiet_native_logs() -> None:
    """MediaPipe's C++ prints start-up chatter that no setting silences; keep only its errors out of the way of ours."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
