"""Consents as the page asks for them: made from a form, offered again for a photo, looked up for a job."""

from datetime import date
from pathlib import Path
from typing import Any

from sonic import demo
from sonic.apps.studio.problems import Refused
from sonic.apps.studio.store import Row, Store
from sonic.apps.studio.tokens import LOCAL
from sonic.errors import ConsentError, FaceError
from sonic.media.photo import load_photo
from sonic.provenance.consent import Consent, store
from sonic.provenance.consent.check import problems, scope_message
from sonic.provenance.consent.face import chosen_in
from sonic.provenance.consent.resolve import consent_from
from sonic.provenance.consent.revocation import revocation_of
from sonic.provenance.consent.terms import now_text
from sonic.provenance.policy import active
from sonic.provenance.signer import identity
from sonic.settings import Settings

_FIELDS = frozenset((
    "subject", "basis", "evidence", "evidence_file", "languages", "purposes", "given_on", "expires_on", "photo",
    "confirmed", "face",
))  # fmt: skip


def made(notes: Store, owner: str, photo: Path, form: dict[str, Any], evidence: Row | None) -> Consent:
    """The signed consent of a form, for this photo, kept on this machine. Raises ConsentError and FaceError."""
    if form.get("confirmed") is not True:
        raise ConsentError("nobody confirmed that this is true; nothing is made without it: confirmed")
    unsigned = _stated(form, evidence)
    if message := active().consent_problem(unsigned):
        raise ConsentError(message)
    picture = load_photo(photo)
    face = chosen_in(picture, form.get("face"))
    return kept(notes, owner, unsigned.bound_to(picture, face=face).signed(identity()))


def of_demo(notes: Store, owner: str) -> Consent:
    """The consent for the portrait that ships with Sonic, made once."""
    policy, photo = active(), load_photo(demo.PORTRAIT)
    for consent in store.kept():
        if consent.subject == demo.SUBJECT and not problems(consent, policy=policy, photo=photo):
            return kept(notes, owner, consent)
    stated = demo.consent().bound_to(photo, face=chosen_in(photo, None))
    return kept(notes, owner, stated.signed(identity()))


def kept(notes: Store, owner: str, consent: Consent) -> Consent:
    """The signed consent, on this machine and as one of this user's."""
    consent = store.keep(consent)
    notes.add("consents", id=consent.id, owner=owner)
    return consent


def offered(notes: Store, owner: str, photo: Path, number: int | None) -> list[dict[str, Any]]:
    """The consents that hold for this face today, of those that this user may know of; the latest first.

    None for a photo without a face, or of several faces without a choice.
    """
    policy, picture = active(), load_photo(photo)
    try:
        face = chosen_in(picture, number)
    except FaceError:
        return []
    own = [c for c in store.kept() if owns(notes, owner, c.id)]
    return [summary(c) for c in reversed(own) if not problems(c, policy=policy, photo=picture, face=face)]


def owns(notes: Store, owner: str, consent_id: str) -> bool:
    """Whether this user made it here; the one user of a local studio knows all of this machine."""
    if owner == LOCAL:
        return True
    return notes.row("SELECT 1 FROM consents WHERE id = ? AND owner = ?", consent_id, owner) is not None


def for_job(notes: Store, owner: str, consent_id: object) -> Consent:
    """The consent that a job names by its id. Raises ConsentError."""
    if not isinstance(consent_id, str) or not consent_id:
        raise ConsentError("consent is missing; every video needs one: make it for this photo, and give its id")
    consent = consent_from(consent_id) if consent_id.isalnum() else None
    if consent is None or not owns(notes, owner, consent.id):
        raise ConsentError(f"there is no consent {consent_id[:12]!r} here; make one for this photo")
    return consent


def check(consent: Consent, photo: Path, settings: Settings) -> None:
    """Raise, before a job waits for hours, a SonicError unless a video may be made of this face."""
    policy = active()
    policy.check(settings, consent)
    picture = load_photo(photo)
    face = chosen_in(picture, settings.face)
    for problem in problems(consent, policy=policy, photo=picture, face=face):
        raise ConsentError(problem.message)
    if message := scope_message(consent, settings.language, settings.purpose):
        raise ConsentError(message)


def summary(consent: Consent) -> dict[str, Any]:
    """What the page shows of one."""
    ended = revocation_of(consent)
    return consent.summary() | {"revoked_at": ended.at if ended else None}


def _stated(form: dict[str, Any], evidence: Row | None) -> Consent:
    if form.get("face") is not None and type(form["face"]) is not int:
        raise Refused(422, "BadRequest", "face must be a whole number, counted from the left")
    if unknown := form.keys() - _FIELDS:
        raise Refused(422, "ConsentError", f"a consent has no {', '.join(sorted(unknown))[:99]}")
    return Consent(
        subject=form.get("subject") or "",
        basis=form.get("basis") or "",
        evidence=form.get("evidence") or None,
        languages=form.get("languages") or None,
        purposes=form.get("purposes") or None,
        given_on=_day(form, "given_on") or date.today(),
        expires_on=_day(form, "expires_on"),
        evidence_name=evidence["name"] if evidence else None,
        evidence_sha256=evidence["about"]["sha256"] if evidence else None,
        confirmed_at=now_text(),
    )


def _day(form: dict[str, Any], name: str) -> date | None:
    value = form.get(name)
    try:
        return date.fromisoformat(value) if value else None
    except (ValueError, TypeError) as error:
        raise ConsentError(f"{name} is {value!r}; write a date as YYYY-MM-DD") from error
