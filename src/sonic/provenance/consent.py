"""Consent: who allowed this person to be animated, on what grounds. There is no default and no way around it."""

import dataclasses
import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sonic.errors import ConsentError
from sonic.types import Photo

BASES = {
    "self": "the person in the photo makes the video",
    "written": "the person allowed it in writing; evidence says where that is kept",
    "licensed": "a licence covers this use of the picture; evidence names it",
    "synthetic": "the picture shows nobody who exists",
}
"""Each accepted basis and what it claims."""
_NEED_EVIDENCE = ("written", "licensed")
_MAX_TEXT = 500
_MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The grounds on which one person's picture is animated.

    A Consent that cannot be right raises ConsentError when it is made; whether it still holds, and for this photo, is
    asked by ``bound_to``.
    """

    subject: str
    """Who is in the photo: a name or another handle that the grounds can be found by."""
    basis: str
    """self | written | licensed | synthetic; see BASES."""
    given_on: date
    """Day on which it was given."""
    photo_sha256: str | None = None
    """Of the photo's file, hexadecimal; None until bound to a photo."""
    expires_on: date | None = None
    """Last day on which it holds; None is without end."""
    evidence: str | None = None
    """Where the grounds are kept: a file, a contract number, the name of a licence."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", _one_line("subject", self.subject))
        if self.evidence is not None:
            object.__setattr__(self, "evidence", _one_line("evidence", self.evidence) or None)
        if not self.subject:
            raise ConsentError(
                'the subject of the consent is empty; name the person in the photo: --subject "Ada Example"'
            )
        if self.basis not in BASES:
            raise ConsentError(f"consent {self.basis!r} is not a basis; give one of {', '.join(BASES)}")
        if self.basis in _NEED_EVIDENCE and not self.evidence:
            raise ConsentError(f"consent {self.basis!r} needs evidence: where it is kept, --evidence contract-17.pdf")
        if self.photo_sha256 is not None and not _is_sha256(self.photo_sha256):
            raise ConsentError(f"photo_sha256 is {self.photo_sha256!r}; it must be 64 hexadecimal digits, or null")
        if self.expires_on is not None and self.expires_on < self.given_on:
            raise ConsentError(f"the consent expires on {self.expires_on}, before it was given on {self.given_on}")

    def bound_to(self, photo: Photo, today: date | None = None) -> "Consent":
        """This consent for this very photo.

        Raises ConsentError if it was given for another photo, has expired or is not yet given on ``today`` (default:
        the local date).
        """
        today = today or date.today()
        if self.given_on > today:
            raise ConsentError(
                f"the consent of {self.subject} is dated {self.given_on}, after today, {today}; correct given_on"
            )
        if self.expires_on is not None and self.expires_on < today:
            raise ConsentError(f"the consent of {self.subject} expired on {self.expires_on}; ask for a new one")
        if self.photo_sha256 not in (None, photo.sha256):
            raise ConsentError(
                f"the consent of {self.subject} is for the photo with SHA-256 {str(self.photo_sha256)[:12]}..., but "
                f"{photo.name!r} has {photo.sha256[:12]}...; use that photo, or obtain consent for this one"
            )
        return dataclasses.replace(self, photo_sha256=photo.sha256)

    def to_dict(self) -> dict[str, str | None]:
        """Plain values for JSON; dates as YYYY-MM-DD."""
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Any, where: str = "consent") -> "Consent":
        """The inverse of to_dict. ``photo_sha256``, ``expires_on`` and ``evidence`` may be missing.

        ``where`` names the origin in messages. Raises ConsentError for anything else than that.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict):
            raise ConsentError(f"{where} must hold a JSON object with subject, basis and given_on")
        if unknown := sorted(str(name) for name in values.keys() - names):
            raise ConsentError(
                f"{where} has unknown fields {', '.join(unknown)}; the fields are {', '.join(sorted(names))}"
            )
        if missing := [name for name in ("subject", "basis", "given_on") if values.get(name) is None]:
            raise ConsentError(f"{where} lacks {', '.join(missing)}")
        for name, value in values.items():
            if value is not None and not isinstance(value, str):
                raise ConsentError(f"{name} in {where} is {value!r}; it must be a text")
        texts = {name: values.get(name) for name in names}
        days = {name: _day(name, texts[name], where) for name in ("given_on", "expires_on")}
        return cls(**(texts | days))  # type: ignore[arg-type]  # required texts were checked above

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> "Consent":
        """The consent in a JSON file as ``save`` writes it. Raises ConsentError if there is none that can be read."""
        path = Path(path)
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
            if len(data) > _MAX_FILE_BYTES:
                raise ConsentError(f"{str(path)!r} is larger than {_MAX_FILE_BYTES} bytes; a consent is short")
            values = json.loads(data)
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
            raise ConsentError(
                f"consent {str(path)!r} cannot be read ({reason}); give {', '.join(BASES)}, or a consent file"
            ) from error
        return cls.from_dict(values, where=path.name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this consent as JSON. Raises ConsentError if the file cannot be written."""
        try:
            Path(path).write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConsentError(f"the consent cannot be written to {str(path)!r} ({error.strerror})") from error


def _one_line(name: str, text: str) -> str:
    """``text`` without surrounding space; raises ConsentError if it is not one printable line of reasonable length."""
    if not isinstance(text, str):
        raise ConsentError(f"{name} is {text!r}; it must be a text")
    text = text.strip()
    if len(text) > _MAX_TEXT or not text.isprintable():
        raise ConsentError(f"{name} must be one line of printable text, at most {_MAX_TEXT} characters")
    return text


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and all(c in "0123456789abcdef" for c in text)


def _day(name: str, text: str | None, where: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConsentError(f"{name} in {where} is {text!r}; it must be a date such as 2026-05-31") from error
