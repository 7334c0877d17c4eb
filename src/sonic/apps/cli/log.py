"""``sonic log``: what was made on this machine, and whether the log is as it was written."""

import argparse
import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sonic.apps.cli import names
from sonic.apps.cli.ask import day, may_replace
from sonic.apps.cli.options import add_command, add_group, add_overwrite
from sonic.apps.cli.show import Reporter, printable
from sonic.errors import MediaError, OutputError, SettingError, SonicError
from sonic.files import rename_over
from sonic.unfinished import unfinished

if TYPE_CHECKING:
    from sonic.provenance.audit import Entry

GROUP = """\
Every video has a line here before it has its name; so have consents when made and revoked. A line holds hashes,
no names of people, and the hash of the line before: `sonic log verify` finds any that was changed.

  sonic log list --since 2026-05-01                     what was made
  sonic log show out.mp4                                everything about one video
  sonic log export --csv -o log.csv                     for others
"""
COLUMNS = (
    "produce_id", "name", "video_sha256", "photo_sha256", "audio_sha256", "consent", "basis", "engine", "language",
    "purpose", "settings_sha256", "weights_sha256",
)  # fmt: skip
"""Facts that have a column of their own in CSV."""
LONGEST_NUMBER = 7
"""Digits that are taken for the number of an entry; more are a content id."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_log(parent: Any) -> None:
    """The command and what can be done with the log."""
    help_ = "Look at the audit log: list, show, verify, export."
    actions = add_group(parent, "log", help_, GROUP)
    command = add_command(actions, "list", "List entries, oldest first.", list_)
    _add_filters(command)
    command.add_argument("-n", "--last", metavar="N", type=int, help="only the last N")
    command = add_command(actions, "show", "Print one entry with all that it holds.", show)
    command.add_argument("entry", metavar="VIDEO|ID|N", help="a video file, the beginning of a content id, or a number")
    help_ = "Say whether the log is as it was written and fits the consents; exit code 1 if it is not."
    add_command(actions, "verify", help_, verify)
    command = add_command(actions, "export", "Write entries as JSON, or as CSV for spreadsheets.", export)
    _add_filters(command)
    command.add_argument("--csv", action="store_true", help="CSV instead of JSON")
    command.add_argument("-o", "--out", metavar="FILE|FOLDER", help="(default: print it)")
    add_overwrite(command)


def _add_filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--since", metavar="DATE", help="from this day on (UTC), YYYY-MM-DD")
    command.add_argument("--until", metavar="DATE", help="up to and with this day (UTC), YYYY-MM-DD")
    command.add_argument(
        "--kind", metavar="KIND", help="video, stream, unpublished, consent, revocation, repair or key"
    )
    command.add_argument("--hash", metavar="HEX", help="where a content id, consent or SHA-256 begins with this")


def list_(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic log list``"""
    found = list(_filtered(arguments))
    if arguments.last is not None:
        found = found[len(found) - arguments.last :] if 0 < arguments.last < len(found) else found
    lines = [f"{e.n:6}  {e.at}  {e.kind:11}  {_id(e):14}  {_what(e)}" for e in found]
    reporter.result("\n".join(lines) or "no such entries", entries=[e.to_dict() for e in found])


def show(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic log show``"""
    entry = _found(arguments.entry)
    if entry is None:
        raise SettingError(f"{arguments.entry!r} is in no entry of this machine's log; see: sonic log list")
    head = {name: value for name, value in entry.to_dict().items() if name != "facts"}
    values = {"n": entry.n, "at": entry.at, "kind": entry.kind, **entry.facts} | head
    reporter.result("\n".join(f"{name:16} {value}" for name, value in values.items()), entry=entry.to_dict())


def verify(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic log verify``"""
    from sonic.provenance import audit
    from sonic.provenance.consent.crosscheck import faults

    found = audit.verify()
    more, notices = faults()
    problems, notices = (*found.problems, *more), (*found.notices, *notices)
    for line in notices:
        reporter.notice(line)
    state = "as they were written" if not problems else f"{len(problems)} problems"
    lines = [*problems, f"{found.n_entries} entries, {state}; last hash {found.head}"]
    reporter.result(
        "\n".join(lines),
        intact=not problems,
        entries=found.n_entries,
        head=found.head,
        problems=problems,
        notices=notices,
    )
    if problems:
        raise SonicError(f"the audit log is not as it was written: {problems[0]}; restore it from a copy")


def export(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic log export``"""
    write = _write_csv if arguments.csv else _write_json
    if arguments.out is None:
        reporter.raw(lambda file: write(_filtered(arguments), file))
        return
    out, _ = names.named(arguments.out, ("sonic-log",), ".csv" if arguments.csv else ".json")
    if os.path.lexists(out) and not may_replace(arguments, out, foreign=True):
        raise OutputError(f"{str(out)!r} exists and is kept; give another name, or add --overwrite")
    try:
        with unfinished(out.parent) as place, place.file(".log") as part:
            with part.open("w", encoding="utf-8", newline="") as file:
                n = write(_filtered(arguments), file)
            rename_over(part, out)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise OutputError(f"{str(out)!r} cannot be written ({reason}); give another name") from error
    reporter.result(f"{printable(str(out))}  {n} entries", file=str(out), entries=n)


def _filtered(arguments: argparse.Namespace) -> "Iterator[Entry]":
    from sonic.provenance import audit

    since = day(arguments.since, "--since", error=SettingError)
    until = day(arguments.until, "--until", error=SettingError)
    if arguments.kind is not None and arguments.kind not in audit.KINDS:
        raise SettingError(f"--kind is {arguments.kind!r}; choose one of {', '.join(audit.KINDS)}")
    for entry in audit.entries():
        on = entry.at[:10]
        if (since and on < since.isoformat()) or (until and on > until.isoformat()):
            continue
        if arguments.kind not in (None, entry.kind):
            continue
        if arguments.hash and not any(str(v).startswith(arguments.hash) for v in (*entry.facts.values(), entry.hash)):
            continue
        yield entry


def _found(text: str) -> "Entry | None":
    from sonic.hashing import sha256_of_file
    from sonic.provenance import audit

    path = Path(text)
    if os.path.isfile(path):
        try:
            sha256 = sha256_of_file(path)
        except OSError as error:
            raise MediaError(f"{text!r} cannot be read ({error.strerror}); give yourself access to it") from error
        return next((e for e in audit.entries() if e.facts.get("video_sha256") == sha256), None)
    if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER:
        return next((e for e in audit.entries() if e.n == int(text)), None)
    return audit.find(text.lower())


def _id(entry: "Entry") -> str:
    facts = entry.facts
    return str(facts.get("produce_id") or facts.get("consent") or "")[:12]


def _what(entry: "Entry") -> str:
    facts = entry.facts
    if entry.kind == "repair":
        return " ".join(str(facts[name]) for name in ("kept_as", "missing") if name in facts)
    return ascii(facts["name"])[1:-1] if "name" in facts else str(facts.get("basis", ""))


def _write_json(entries: "Iterator[Entry]", file: IO[str]) -> int:
    n = 0
    for entry in entries:
        file.write((",\n" if n else "[\n") + json.dumps(entry.to_dict(), ensure_ascii=False))
        n += 1
    file.write("\n]\n" if n else "[]\n")
    return n


def _write_csv(entries: "Iterator[Entry]", file: IO[str]) -> int:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["n", "at", "kind", *COLUMNS, "other", "previous", "hash"])
    n = 0
    for entry in entries:
        facts = dict(entry.facts)
        known = [facts.pop(name, None) for name in COLUMNS]
        other = json.dumps(facts, ensure_ascii=False) if facts else ""
        writer.writerow([_cell(v) for v in (entry.n, entry.at, entry.kind, *known, other, entry.previous, entry.hash)])
        n += 1
    return n


def _cell(value: object) -> str:
    """A spreadsheet takes some texts for formulas; an apostrophe makes them texts again."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
