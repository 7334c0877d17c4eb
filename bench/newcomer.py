"""What a newcomer has to run, type and read for ten tasks, before and after: every line of the script is run.

    python bench/newcomer.py [--before CHECKOUT --before-python PYTHON] [--show TASK]

CHECKOUT is an older commit with its kernels built, PYTHON an interpreter with what it needs. Each task is played in an
empty folder and home with a photo and recordings of a second, without a terminal. Its first command is the one that
habits from other tools suggest; then the newcomer does what the message says, or, where it says nothing of use, reads
the help of that command. Commands count help as well; words read are all that the commands print, usage included,
without lines of other libraries (which favours the older commit: MediaPipe writes many). The last command has to
succeed. What is judged, not measured, is which command a newcomer would choose next: the lists below say it.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import machine
from jobs import speech_of
from report import table
from sonic import demo

ROOT = Path(__file__).parents[1]
SELF = '--consent self --subject "Ada Example" --confirmed'
NEW = 'sonic consent new me.png --basis self --subject "Ada Example" --confirmed'
HELP = "sonic generate --help"
FOREIGN = re.compile(r"^(INFO|WARNING|[WIE]\d{4} )|absl|TensorFlow|XNNPACK")


@dataclass(frozen=True)
class Task:
    """One thing that somebody wants, and how they get it; ``setup`` is not counted."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    setup: tuple[str, ...] = ()


TASKS = (
    Task(
        "a first video of oneself",
        ("sonic generate me.png talk.wav", HELP,
         'sonic generate me.png talk.wav --consent self --subject "Ada Example"',
         f"sonic generate me.png talk.wav {SELF}"),
        ("sonic generate me.png talk.wav", f"sonic generate me.png talk.wav {SELF}"),
    ),
    Task(
        "another one on a consent made once",
        ("sonic generate me.png talk.wav", HELP, "sonic generate me.png talk.wav --consent me.consent.json"),
        ("sonic generate me.png talk.wav",),
        (NEW,),
    ),
    Task(
        "three recordings into a folder",
        (f"sonic generate me.png a.wav b.wav c.wav -o videos/ {SELF}", HELP,
         *(f"sonic generate me.png {x}.wav -o videos/ {SELF}" for x in "abc")),
        (f"sonic generate me.png a.wav b.wav c.wav -o videos/ {SELF}",),
        ("mkdir videos",),
    ),
    Task(
        "a recording from a pipe",
        (f"cat talk.wav | sonic generate me.png - -o out.mp4 {SELF}",
         f"cat talk.wav > piped.wav && sonic generate me.png piped.wav -o out.mp4 {SELF}"),
        (f"cat talk.wav | sonic generate me.png - -o out.mp4 {SELF}",),
    ),
    Task(
        "what would be made, without making it",
        (f"sonic generate me.png talk.wav --dry-run {SELF}", HELP, "sonic --help",
         "sonic preview me.png talk.wav"),
        (f"sonic generate me.png talk.wav --dry-run {SELF}",),
    ),
    Task(
        "replace a file of one's own",
        (f"sonic generate me.png talk.wav -o out.mp4 --overwrite {SELF}", HELP,
         f"sonic generate me.png talk.wav -o out.mp4 --force {SELF}"),
        (f"sonic generate me.png talk.wav -o out.mp4 --overwrite {SELF}",),
        ("echo mine > out.mp4",),
    ),
    Task(
        "verify three videos",
        ("sonic verify x.mp4 y.mp4 z.mp4", "sonic verify --help", *(f"sonic verify {x}.mp4" for x in "xyz")),
        ("sonic verify x.mp4 y.mp4 z.mp4",),
        tuple(f"sonic generate me.png {a}.wav -o {x}.mp4 {SELF}" for a, x in zip("abc", "xyz", strict=True)),
    ),
    Task(
        "a mistyped option",
        (f"sonic generate me.png talk.wav --min-resolutoin 256 {SELF}", HELP,
         f"sonic generate me.png talk.wav --min-resolution 256 {SELF}"),
        (f"sonic generate me.png talk.wav --min-resolutoin 256 {SELF}",
         f"sonic generate me.png talk.wav --min-resolution 256 {SELF}"),
    ),
    Task(
        "end everything that allows a photo",
        ("sonic consent revoke me.consent.json --confirmed", "sonic consent list",
         "sonic consent revoke me-2.consent.json --confirmed"),
        ("sonic consent revoke me.consent.json --confirmed --all",),
        (NEW, NEW.replace("Ada Example", "A. E.")),
    ),
    Task(
        "a lesson that is a text",
        (f'sonic generate me.png --text "Good morning" --voice en {SELF}', HELP,
         'espeak-ng -v en -w said.wav "Good morning"', f"sonic generate me.png said.wav {SELF}"),
        (f'sonic generate me.png --text "Good morning" --voice en {SELF}',),
    ),
)  # fmt: skip


@dataclass
class Play:
    """What one side of a task came to."""

    commands: int = 0
    typed: int = 0
    read: int = 0
    succeeded: bool = False

    def cells(self) -> list[str]:
        return [str(self.commands), str(self.typed), str(self.read) + ("" if self.succeeded else " FAILED")]


def play(task: Task, is_after: bool, checkout: Path, python: str, *, show: bool) -> Play:
    """Run the setup and the steps of one side in an empty home."""
    steps = task.after if is_after else task.before
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "work"
        folder.mkdir()
        (folder / "me.png").write_bytes(demo.PORTRAIT.read_bytes())
        for speech in ("talk", "a", "b", "c"):
            speech_of(1.0, demo.SPEECH, folder / f"{speech}.wav")
        environment = _environment(Path(name), checkout, python)
        for line in task.setup:
            _run(line, folder, environment)
        found = Play(len(steps), sum(len(line.split()) for line in steps))
        for line in steps:
            code, text = _run(line, folder, environment)
            found.read += len(text.split())
            found.succeeded = code == 0
            if show:
                print(f"$ {line}\n{text}-> {code}, {len(text.split())} words\n")
        return found


def _environment(home: Path, checkout: Path, python: str) -> dict[str, str]:
    """With a command ``sonic`` of that checkout, and nothing of this user's."""
    tools = home / "bin"
    tools.mkdir()
    (tools / "sonic").write_text(f'#!/bin/sh\nPYTHONPATH="{checkout / "src"}" exec "{python}" -m sonic "$@"\n')
    (tools / "sonic").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SONIC_", "XDG_", "PYTHON"))}
    return kept | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "HOME": str(home), "COLUMNS": "100"}


def _run(line: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """(exit code, what a person reads), the lines of progress that are shown without a terminal included."""
    done = subprocess.run(
        line, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    lines = (done.stdout + done.stderr).splitlines(keepends=True)
    return done.returncode, "".join(text for text in lines if not FOREIGN.search(text))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT")
    parser.add_argument("--before-python", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--show", metavar="TASK", help="print what the commands of the tasks with this word say")
    given = parser.parse_args()
    tasks = [task for task in TASKS if (given.show or "") in task.name]
    sides = [(given.before, given.before_python)] if given.before else []
    sides.append((ROOT, sys.executable))
    rows = []
    for task in tasks:
        played = [
            play(task, checkout == ROOT, checkout.absolute(), python, show=given.show is not None)
            for checkout, python in sides
        ]
        rows.append([task.name, *(cell for one in played for cell in one.cells())])
    names = ["before", "after"] if given.before else ["after"]
    sums = [str(sum(int(row[i].split()[0]) for row in rows)) for i in range(1, len(rows[0]))]
    heads = ["task", *(f"{what}, {name}" for name in names for what in ("commands", "words typed", "words read"))]
    print(machine.describe(), table(heads, [*rows, ["**together**", *sums]]), sep="\n\n")


if __name__ == "__main__":
    main()
