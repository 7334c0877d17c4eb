"""``sonic verify``: what a file is, who allowed it, and what of it is intact."""

import argparse
from pathlib import Path
from typing import Any

from sonic.apps.cli.inputs import expanded
from sonic.apps.cli.options import add_command
from sonic.apps.cli.show import Reporter, printable
from sonic.errors import MediaError

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
Of several files the code is that of the first that is not 0.
"""


def add_verify(parent: Any) -> None:
    """The command."""
    help_ = "Say what a video or picture is, who allowed it, and what of it is intact; also files of other tools."
    command = add_command(parent, "verify", help_, verify, EPILOG, when_stopped="nothing was found out")
    command.add_argument("video", nargs="+", help="videos, pictures such as a screenshot of one, or recordings")


def verify(arguments: argparse.Namespace, reporter: Reporter) -> int:
    """``sonic verify``; returns the exit code of its verdict; of several files, of the first that is not 0."""
    from sonic.verification import verify as verified

    files, code = expanded(arguments.video), 0
    for file in files:
        if len(files) > 1:
            reporter.heading(printable(file))
        try:
            found = verified(Path(file), on_progress=reporter.progress)
        except MediaError as error:
            if len(files) == 1:
                raise
            reporter.error(error)
            code = code or error.exit_code
            continue
        reporter.result(found.to_text(), **found.to_dict())
        code = code or found.exit_code
    return code
