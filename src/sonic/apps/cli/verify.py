"""``sonic verify``: what a file is, who allowed it, and what of it is intact."""

import argparse
from pathlib import Path
from typing import Any

from sonic.apps.cli.show import Reporter

EPILOG = """\
It looks at the Content Credentials, the AIGC metadata, the record beside the video, the audit log and the consents of
this machine, the invisible watermark and the visible label, of files of any tool. A line says what each proves.

exit codes:
   0 made with Sonic, signed by this machine's key or one that SONIC_TRUST_LIST leads to, unchanged since
  10 says or shows that it is AI-generated, but no signature proves it: edited, re-encoded, stripped or never signed
  11 changed or damaged after it was signed
  12 no trace of AI generation was found, which proves nothing
  13 made with Sonic by its signed statement, unchanged since, but nobody that is known here signed it
  14 signed by another tool; "states_ai" of --json says whether anything in it speaks of AI
  15 its layers contradict each other: they are not all of this video, or not as they were made
   3 no video, picture or recording, or too damaged to be read
   2 the trust list or the policy of this machine cannot be read
"""


def add_verify(parent: Any) -> None:
    """The command."""
    help_ = "Say what a video or picture is, who allowed it, and what of it is intact; also files of other tools."
    command = parent.add_parser(
        "verify", help=help_, description=help_, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("video", type=Path, help="a video, a picture such as a screenshot of one, or a recording")
    command.add_argument("--json", action="store_true", help="print JSON lines for machines instead of text")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress")
    command.set_defaults(run=verify, when_stopped="nothing was found out")


def verify(arguments: argparse.Namespace, reporter: Reporter) -> int:
    """``sonic verify``; returns the exit code of its verdict."""
    from sonic.verification import verify as verified

    found = verified(arguments.video, on_progress=reporter.progress)
    reporter.result(found.to_text(), **found.to_dict())
    return found.exit_code
