"""``sonic completion``: commands, options and values at the Tab key, by argcomplete."""

import argparse
import os
from typing import Any

from sonic.apps.cli.options import add_command
from sonic.apps.cli.show import Reporter

SHELLS = ("bash", "zsh", "fish", "powershell")
EPILOG = """\
bash          eval "$(sonic completion bash)"                       in ~/.bashrc
zsh           eval "$(sonic completion zsh)"                        in ~/.zshrc
fish          sonic completion fish | source                        in ~/.config/fish/config.fish
PowerShell    sonic completion powershell | Out-String | Invoke-Expression    in $PROFILE
"""


def add_completion(parent: Any) -> None:
    """The command."""
    help_ = "Print what makes your shell complete commands, options and values."
    command = add_command(parent, "completion", help_, completion, EPILOG)
    command.add_argument("shell", choices=SHELLS, help="the shell that reads it")


def completion(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic completion``"""
    from argcomplete.shell_integration import shellcode

    reporter.raw(lambda file: file.write(shellcode(["sonic"], shell=arguments.shell)))


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end; does nothing otherwise."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
