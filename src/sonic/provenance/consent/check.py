"""Whether a consent holds: for this photo, today, for what is being made, on this machine."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from sonic.errors import ConsentError
from sonic.provenance import audit
from sonic.provenance.consent import store, validators
from sonic.provenance.consent.face import ShownFace
from sonic.provenance.consent.revocation import revocation_of
from sonic.provenance.consent.terms import SHOWN_ID, Consent
from sonic.provenance.keys import Identity
from sonic.provenance.likeness import Likeness
from sonic.provenance.policy import Policy, scope_problem
from sonic.provenance.signer import our_fingerprints
from sonic.types import Photo

PROBLEMS = {
    "signature broken": "something in the file was changed after it was signed, or the signature itself was",
    "signed by another key": "the signature is true, but neither this machine's nor one that the policy trusts",
    "revoked": "it was revoked on this machine; that is final",
    "not given yet": "its date lies after today",
    "expired": "its last day is over",
    "not matching": "it was given for another photo",
    "another face": "it was given for another face of the photo, or names none where there are several",
    "out of scope": "it does not cover this language or purpose",
    "against policy": "this machine's policy asks for more",
}
"""Every way in which a consent does not hold."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a consent does not hold."""

    kind: str
    """One of PROBLEMS."""
    message: str
    """One line with the remedy."""


def authorise(
    consent: object,
    photo: Photo,
    *,
    face: ShownFace | None = None,
    language: str | None,
    purpose: str | None,
    policy: Policy,
    signer: Identity,
) -> Consent:
    """The signed consent on which this face of the photo is animated, kept in the local store.

    One without a signature, which a program or `sonic generate --consent BASIS` states, is bound to the photo and the
    face, and signed by ``signer``. Raises ConsentError, with the remedy, unless it holds.
    """
    consent = examine(consent, photo, language=language, purpose=purpose, policy=policy)
    if consent.signature is None:
        consent = _signed(consent.bound_to(photo, face=face), signer)
    for problem in problems(consent, policy=policy, photo=photo, face=face):
        raise ConsentError(problem.message)
    return store.keep(consent)


def examine(consent: object, photo: Photo, *, language: str | None, purpose: str | None, policy: Policy) -> Consent:
    """The consent, as it is, if nothing but the face can still keep it from holding. Raises ConsentError."""
    if type(consent) is not Consent:  # one of another class could answer for itself whether it holds
        raise ConsentError(f"consent is {consent!r}; every video needs grounds, give a sonic.Consent")
    if language is not None:
        validators.language("language", language)
    if purpose is not None:
        validators.purpose("purpose", purpose)
    for problem in problems(consent, policy=policy, photo=photo):
        if consent.signature is not None or problem.kind != "signature broken":
            raise ConsentError(problem.message)
    if message := scope_message(consent, language, purpose):
        raise ConsentError(message)
    return consent


def problems(
    consent: Consent,
    *,
    policy: Policy,
    photo: Photo | None = None,
    face: ShownFace | None = None,
    today: date | None = None,
) -> list[Problem]:
    """Everything that keeps this signed consent from holding, the gravest first; without photo or face they are not
    asked.

    ``today`` is the local date, or that of the log's last entry where the clock is behind it.

    What it may be used for is asked by ``scope_message``.
    """
    today = today or _today()
    found = _signature_problems(consent, policy)
    if ended := revocation_of(consent, photo):
        which = "" if ended.consent_id == consent.id else " with an earlier one for the same photo and subject"
        text = f"{_who(consent)} was revoked{which} on {ended.to_text()}; that is final, ask for a new one"
        found.append(Problem("revoked", text))
    if message := consent.date_problem(today):
        if today > date.today():
            message += f" (the clock says {date.today()}, the last entry of the audit log is of {today})"
        found.append(Problem("not given yet" if consent.given_on > today else "expired", message))
    if photo is not None and (message := consent.photo_problem(photo)):
        found.append(Problem("not matching", message))
    elif photo is not None and face is not None and (message := consent.face_problem(photo, face)):
        found.append(Problem("another face", message))
    if message := policy.consent_problem(consent):
        found.append(Problem("against policy", message))
    return found


def still_allowing(revoked: Consent, policy: Policy) -> list[Consent]:
    """The consents of this machine that hold for the photo of this one, or for a copy of it, though it was revoked.

    They name somebody else, and another face or none: what is for the same subject or face of this very photo ended
    with it.
    """
    others = [other for other in store.kept() if other.id != revoked.id and _same_photo(revoked, other)]
    return [other for other in others if not problems(other, policy=policy)]


def scope_message(consent: Consent, language: str | None, purpose: str | None) -> str | None:
    """Why this consent does not cover a video in this language for this purpose; None if it does."""
    return scope_problem(_who(consent), consent.languages, consent.purposes, language, purpose)


def _today() -> date:
    """The local date; where the audit log has been later already, the clock is wrong, and its last entry counts."""
    last = audit.last()
    if last is not None:
        with suppress(ValueError, OverflowError):  # a year that no calendar here has
            return max(date.today(), datetime.fromisoformat(last.at).astimezone().date())
    return date.today()


def _same_photo(one: Consent, other: Consent) -> bool:
    if one.photo_likeness is None or other.photo_likeness is None or one.photo_sha256 == other.photo_sha256:
        return one.photo_sha256 == other.photo_sha256
    return Likeness.from_text(one.photo_likeness).is_alike(Likeness.from_text(other.photo_likeness))


def _signed(bound: Consent, signer: Identity) -> Consent:
    """With our signature: that of an earlier time, if the same was said before, so that one consent is one file."""
    kept = store.copy_of(bound.id)
    if kept is not None and kept.is_signed() and kept.signer() in our_fingerprints():
        return kept
    return bound.signed(signer)


def _signature_problems(consent: Consent, policy: Policy) -> list[Problem]:
    if consent.photo_sha256 is None or not consent.is_signed():
        text = f"{_who(consent)} was changed after it was signed; use the original, or make it anew: sonic consent new"
        return [Problem("signature broken", text)]
    signer = consent.signer()
    if signer in our_fingerprints() or signer in policy.trusted_keys:
        return []
    text = (
        f"{_who(consent)} was signed by another key, {signer}; make it anew here: sonic consent new, or let the policy "
        "trust that key: trusted_keys"
    )
    return [Problem("signed by another key", text)]


def _who(consent: Consent) -> str:
    return f"the consent of {consent.subject} ({consent.id[:SHOWN_ID]})"
