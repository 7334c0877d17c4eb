"""The fields of a consent, each checked for its kind: they come from programs, or from files that anybody changes."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sonic.errors import ConsentError
from sonic.provenance.consent import validators


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a consent; whether it is true is asked by Consent.is_signed."""

    public_key: str
    """SubjectPublicKeyInfo in PEM."""
    value: str
    """Base64, as keys.Identity.sign makes it."""


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a Consent from the JSON of a file; those that are plain texts are checked by the Consent itself."""
    fields = {name: value for name, value in values.items() if name != "consent"}
    fields["given_on"] = validators.day("given_on", values["given_on"])
    if values["expires_on"] is not None:
        fields["expires_on"] = validators.day("expires_on", values["expires_on"])
    parts = values["signature"]
    if not isinstance(parts, dict) or set(parts) != {"public_key", "value"}:
        raise ConsentError("its signature must hold public_key and value; it was changed")
    fields["signature"] = Signature(**parts)
    return fields


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a Consent, each of its kind; None where a field allows it."""
    found = dict(values)
    for name in ("subject", "basis", "evidence", "confirmed_at"):
        if values[name] is not None or name in ("subject", "basis"):
            found[name] = validators.one_line(name, values[name])
    found["evidence"] = found["evidence"] or None
    if values["evidence_name"] is not None:
        found["evidence_name"] = validators.file_name("evidence_name", values["evidence_name"])
    for name in ("photo_sha256", "evidence_sha256"):
        if values[name] is not None:
            found[name] = validators.sha256(name, values[name])
    if values["languages"] is not None:
        found["languages"] = validators.languages("languages", values["languages"])
    if values["purposes"] is not None:
        found["purposes"] = validators.purposes("purposes", values["purposes"])
    for name in ("given_on", "expires_on"):
        if type(values[name]) is not date and (values[name] is not None or name == "given_on"):
            raise ConsentError(f"{name} is {values[name]!r}; it must be a date such as date(2026, 5, 31)")
    _check_codes(values["photo_likeness"], values["signature"])
    return found


def _check_codes(likeness: Any, signature: Any) -> None:
    """Raise ConsentError unless a likeness can be read and a signature is made of two texts of reasonable length."""
    if likeness is not None:
        from sonic.provenance.likeness import Likeness

        try:
            Likeness.from_text(validators.code("photo_likeness", likeness))
        except ValueError as error:
            raise ConsentError(f"photo_likeness cannot be read ({error}); it was changed, or is newer") from error
    if signature is not None:
        if not isinstance(signature, Signature):
            raise ConsentError("signature must be a Signature")
        validators.code("public_key", signature.public_key)
        validators.code("signature", signature.value)
