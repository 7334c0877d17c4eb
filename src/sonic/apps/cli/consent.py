"""``sonic consent``: permissions as signed files: make, look at, check, end, list."""

import argparse
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli import names
from sonic.apps.cli.ask import add_confirmed, ask, can_ask, confirm, day
from sonic.apps.cli.options import add_command, add_group
from sonic.apps.cli.revoke import REVOKE, about, add_revoke, revoke
from sonic.apps.cli.show import Reporter, printable
from sonic.errors import ConsentError, OutputError

if TYPE_CHECKING:
    from sonic.provenance.consent import Consent

GROUP = """\
A consent says who may be animated, on what grounds, for what and until when. It belongs to one face of one photo, of
which saved, scaled and slightly trimmed copies are recognised, and is signed with this machine's key: a changed word
ends it.

  sonic consent new portrait.jpg                        asks what it needs to know, writes portrait.consent.json
  sonic generate portrait.jpg speech.mp3 --consent portrait.consent.json
  sonic consent revoke portrait.consent.json            final, on this machine
"""
NEW = """\
grounds:
  self       the person in the photo makes the video
  written    the person allowed it in writing; --evidence says where that is kept
  licensed   a licence covers this use of the picture; --evidence names it
  synthetic  the picture shows nobody who exists

examples:
  sonic consent new portrait.jpg --subject "Ada Example" --basis self
  sonic consent new portrait.jpg --subject "Ada Example" --basis written --evidence "release form 2026-014" \\
      --evidence-file scan.pdf --languages en,de --purposes education --expires 2027-12-31
"""
CHECK = """\
Says valid, or every reason why not: signature broken, signed by another key, revoked, not given yet, expired, not
matching (another photo), another face, out of scope, against policy. Exit code 0 for valid, 5 otherwise.

The policy is a file of your organisation (SONIC_POLICY): bases, evidence_file, max_validity_days, trusted_keys,
languages, purposes, label_span, producer. `sonic doctor` shows where it is and what it requires.
"""
SUFFIX = ".consent.json"
STATEMENTS = {
    "self": "I am {subject}, the person in this photo.",
    "written": "{subject} allowed this in writing; the proof is kept here: {evidence}.",
    "licensed": "A licence covers this use of the photo: {evidence}.",
    "synthetic": "The photo shows nobody who exists.",
}
"""What is confirmed, for each basis."""


def add_consent(parent: Any) -> None:
    """The command and what can be done with consents."""
    help_ = "Record who may be animated: make, show, check, revoke and list consents."
    actions = add_group(parent, "consent", help_, GROUP)
    _add_new(add_command(actions, "new", "Make a consent for a photo and sign it.", new, NEW))
    command = add_command(actions, "show", "Print what a consent says.", show)
    command.add_argument("consent", metavar="FILE|ID", help="a consent file, or the beginning of the id of one")
    command = add_command(actions, "check", "Say whether a consent holds.", check, CHECK)
    command.add_argument("consent", metavar="FILE|ID", help="a consent file, or the beginning of the id of one")
    command.add_argument("photo", metavar="PHOTO", nargs="?", help="whether it is for this photo, or a copy of it")
    command.add_argument(
        "--face", metavar="N", type=int, help="whether it is for this face of the photo, from the left"
    )
    command.add_argument("--language", metavar="TAG", help="whether it covers a video in this language, such as en")
    command.add_argument("--purpose", metavar="WORD", help="whether it covers this purpose, such as education")
    add_revoke(add_command(actions, "revoke", "End a consent on this machine, for good.", revoke, REVOKE))
    add_command(actions, "list", "List the consents of this machine.", list_)


def _add_new(command: argparse.ArgumentParser) -> None:
    command.add_argument("photo", metavar="PHOTO", type=Path, help="the photo that it is for")
    command.add_argument(
        "--face", metavar="N", type=int, help="which face, counted from the left, where there are several"
    )
    command.add_argument("--subject", help="the person in the photo; not needed for synthetic")
    command.add_argument("--basis", choices=tuple(STATEMENTS), help="the grounds, see below")
    command.add_argument("--evidence", metavar="TEXT", help="where the permission can be found")
    command.add_argument(
        "--evidence-file", metavar="FILE", type=Path, help="a scan or recording of it: its SHA-256 becomes part"
    )
    command.add_argument("--languages", metavar="TAGS", help="only these, such as en,pt-BR (default: any)")
    command.add_argument("--purposes", metavar="WORDS", help="only these, such as education,museum (default: any)")
    command.add_argument("--given", metavar="DATE", help="day it was given, YYYY-MM-DD (default: today)")
    command.add_argument("--expires", metavar="DATE", help="last day it holds, YYYY-MM-DD (default: never)")
    command.add_argument("-o", "--out", metavar="FILE|FOLDER", help="(default: PHOTO.consent.json beside the photo)")
    add_confirmed(command)


def new(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic consent new``"""
    from sonic.media.photo import load_photo
    from sonic.provenance.consent import store
    from sonic.provenance.consent.face import chosen_in
    from sonic.provenance.policy import active
    from sonic.provenance.signer import identity

    photo = load_photo(arguments.photo)
    face = chosen_in(photo, arguments.face)
    unsigned = _asked(arguments)
    if arguments.out and not names.is_folder(arguments.out) and os.path.lexists(arguments.out):
        raise OutputError(f"{arguments.out!r} exists and is kept; give another name with --out")
    if message := active().consent_problem(unsigned):
        raise ConsentError(message)
    confirm(arguments, statement(unsigned))
    consent = unsigned.bound_to(photo, face=face).signed(identity())
    consent = store.keep(consent)
    out = _write_new(consent, arguments.out, arguments.photo)
    reporter.result(
        f"{printable(str(out))}  consent {consent.id[:12]} of {consent.subject}, {consent.basis}, signed\n"
        f"use it: sonic generate {_quoted(arguments.photo)} SPEECH --consent {_quoted(out)}",
        file=str(out),
        **consent.summary(),
    )


def show(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic consent show``"""
    from sonic.provenance.consent.revocation import revocation_of

    consent = _found(arguments.consent)
    ended = revocation_of(consent)
    values = consent.summary() | {"revoked_at": ended.at if ended else None, "revoked_by": ended.by if ended else None}
    reporter.result("\n".join(f"{name:16} {_shown(name, value)}" for name, value in values.items()), **values)


def check(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic consent check``"""
    from sonic.media.photo import load_photo
    from sonic.provenance.consent.check import problems, scope_message
    from sonic.provenance.consent.face import chosen_in
    from sonic.provenance.policy import active

    consent = _found(arguments.consent)
    photo = load_photo(Path(arguments.photo)) if arguments.photo else None
    face = chosen_in(photo, arguments.face) if photo is not None and arguments.face is not None else None
    found = [(p.kind, p.message) for p in problems(consent, policy=active(), photo=photo, face=face)]
    asked = arguments.language or arguments.purpose
    if asked and (message := scope_message(consent, arguments.language, arguments.purpose)):
        found.append(("out of scope", message))
    who = about(consent)
    lines = [f"{kind}: {message}" for kind, message in found] or [f"valid: {who}{_limits(consent)}"]
    reasons = [{"kind": kind, "message": message} for kind, message in found]
    reporter.result("\n".join(lines), valid=not found, problems=reasons, **consent.summary())
    if found:
        raise ConsentError(f"the {who}, does not hold: {', '.join(kind for kind, _ in found)}")


def list_(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic consent list``"""
    from sonic.provenance.consent import store
    from sonic.provenance.consent.check import problems
    from sonic.provenance.policy import active

    policy, rows = active(), []
    for consent in store.kept():
        state = ", ".join(p.kind for p in problems(consent, policy=policy)) or "valid"
        rows.append(consent.summary() | {"state": state})
    lines = [f"{r['id'][:12]}  {r['given_on']}  {r['basis']:9}  {r['state']:9}  {r['subject']}" for r in rows]
    reporter.result("\n".join(lines) or "no consents yet; make one: sonic consent new PHOTO", consents=rows)


def statement(consent: "Consent") -> str:
    """What somebody confirms for this consent."""
    evidence = " ".join(filter(None, (consent.evidence, consent.evidence_name)))
    return STATEMENTS[consent.basis].format(subject=consent.subject, evidence=evidence)


def _asked(arguments: argparse.Namespace) -> "Consent":
    """The consent that the options and the answers describe, not bound and not signed."""
    from sonic.hashing import sha256_of_file
    from sonic.provenance.consent.terms import MAX_EVIDENCE_BYTES, NEED_EVIDENCE, Consent, now_text

    basis = arguments.basis or _basis(arguments)
    subject = arguments.subject or ""
    if not subject and basis != "synthetic":
        subject = _needed(arguments, "--subject", "Who is in the photo?")
    evidence, proof = arguments.evidence, arguments.evidence_file
    if basis in NEED_EVIDENCE and not (evidence or proof):
        evidence = _needed(arguments, "--evidence", "Where is the permission kept (a contract number, a file)?")
    try:
        proof_sha256 = sha256_of_file(proof, MAX_EVIDENCE_BYTES) if proof else None
    except OSError as error:
        raise ConsentError(
            f"--evidence-file {str(proof)!r} cannot be read ({error.strerror}); give its path"
        ) from error
    return Consent(
        subject=subject,
        basis=basis,
        given_on=day(arguments.given, "--given") or date.today(),
        expires_on=day(arguments.expires, "--expires"),
        evidence=evidence,
        evidence_name=proof.name if proof else None,
        evidence_sha256=proof_sha256,
        languages=_list(arguments.languages),
        purposes=_list(arguments.purposes),
        confirmed_at=now_text(),
    )


def _basis(arguments: argparse.Namespace) -> str:
    """Which of the grounds it is, each explained; asked until it is one of them."""
    from sonic.provenance.consent import BASES

    question = "\n".join(["On what grounds may this person be animated?", *(f"  {n:10} {BASES[n]}" for n in BASES)])
    while (answer := _needed(arguments, "--basis", f"{question}\nWhich one?").casefold()) not in BASES:
        question = f"{answer!r} is none of {', '.join(BASES)}."
    return answer


def _needed(arguments: argparse.Namespace, option: str, question: str) -> str:
    if not can_ask(arguments):
        raise ConsentError(f"{option} is missing, and there is no terminal to ask in; add {option}")
    return ask(question)


def _list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(word.strip() for word in text.split(","))


def _write_new(consent: "Consent", given: str | None, photo: Path) -> Path:
    """The consent under the name that was given, or beside the photo; never in the place of another file."""
    path, made_up = names.named(given or f"{photo.parent}{os.sep}", (photo,), SUFFIX)
    while True:
        path = names.free(path, SUFFIX) if made_up else path
        try:
            with path.open("x", encoding="utf-8") as file, _whole(path):
                file.write(consent.to_json())
                file.flush()
            return path
        except FileExistsError as error:
            if not made_up:
                raise OutputError(f"{str(path)!r} exists and is kept; give another name with --out") from error
        except OSError as error:
            raise OutputError(f"{str(path)!r} cannot be written ({error.strerror}); give --out FILE") from error


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """A new file that is not finished is removed."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _quoted(path: Path) -> str:
    """As a word that can be pasted into a shell."""
    text = str(path)
    return printable(shlex.quote(f".{os.sep}{text}" if text.startswith("-") else text))


def _found(text: str) -> "Consent":
    """The consent in a file of that name, or of this machine with such an id."""
    from sonic.provenance.consent.resolve import consent_from

    return consent_from(text)


def _limits(consent: "Consent") -> str:
    parts = [f"{name} {', '.join(words)}" for name in ("languages", "purposes") if (words := getattr(consent, name))]
    if consent.expires_on:
        parts.append(f"until {consent.expires_on}")
    return f"; {'; '.join(parts)}" if parts else ""


def _shown(name: str, value: Any) -> str:
    if value is None:
        return {
            "languages": "any",
            "purposes": "any",
            "expires_on": "never",
            "revoked_at": "no",
            "revoked_by": "nobody",
        }.get(name, "none")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
