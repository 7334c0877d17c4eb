"""``sonic check``: does a video keep the rules of the platform that it is for?"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli.options import add_command
from sonic.apps.cli.show import Reporter
from sonic.errors import OutputError
from sonic.settings.platforms import platform_names

if TYPE_CHECKING:
    from sonic.settings.platforms import Platform

EXIT_WRONG = 16
EPILOG = f"""\
It reads the file without decoding it: order of the index, edit lists, groups of pictures, colour tags, size, rates and
length. Files of any tool are read. What the uploader has to declare there is printed as well.

platforms: {", ".join(platform_names())}, or a TOML file like the bundled ones

exit codes:
   0 nothing is wrong; a note says what the platform would change or hide
  16 it would be refused, or shown wrong
   3 no video
"""


def add_check(parent: Any) -> None:
    """The command."""
    help_ = "Hold a video to the rules of a platform, and say what to declare there."
    command = add_command(parent, "check", help_, check, EPILOG, when_stopped="nothing was found out")
    command.add_argument("video", type=Path, help="a video of any tool")
    command.add_argument("--platform", required=True, metavar="NAME|FILE", help="where it goes")
    command.add_argument("--cover", type=Path, metavar="PICTURE", help="also write a cover of its size: eyes open")


def _save_cover(video: Path, rules: "Platform", out: Path) -> None:
    from sonic.evaluation.cover import save_cover
    from sonic.media.images import is_foreign

    if is_foreign(out):
        raise OutputError(f"{str(out)!r} exists and is not a picture that Sonic made; give another name")
    save_cover(video, rules, out)


def check(arguments: argparse.Namespace, reporter: Reporter) -> int:
    """``sonic check``; returns the exit code of its verdict."""
    from sonic.evaluation.delivery import check_delivery
    from sonic.settings.platforms import platform

    rules = platform(arguments.platform)
    found = check_delivery(arguments.video, rules)
    if arguments.cover is not None:
        _save_cover(arguments.video, rules, arguments.cover)
    reporter.result(found.to_text(), **found.to_dict())
    return 0 if found.passed else EXIT_WRONG
