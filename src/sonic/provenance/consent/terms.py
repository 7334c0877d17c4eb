"""What a consent says, and its signature. There is no default and no way around it.

A consent file is UTF-8 JSON:

    consent             "sonic-consent/2": the kind and version of this format
    subject, basis, given_on, expires_on, evidence, evidence_name, evidence_sha256, languages, purposes,
    photo_sha256, photo_likeness, face_box, face_likeness, confirmed_at
                        as described at Consent; null where there is none
    signature           {"public_key": PEM, "value": base64}, over all the rest as canonical JSON (sorted names, no
                        spaces, ASCII)

"sonic-consent/1" has no face_box and no face_likeness: it holds where the photo shows one face only.

Its id is the SHA-256 of what is signed: whoever changes a word has another consent, and that one has no signature.
"""

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.errors import ConsentError
from sonic.files import read_small
from sonic.hashing import canonical, sha256_of_file
from sonic.provenance.consent.fields import Signature, checked, read
from sonic.types import Photo

if TYPE_CHECKING:
    from sonic.provenance.consent.face import ShownFace
    from sonic.provenance.keys import Identity

BASES = {
    "self": "the person in the photo makes the video",
    "written": "the person allowed it in writing; evidence says where that is kept",
    "licensed": "a licence covers this use of the picture; evidence names it",
    "synthetic": "the picture shows nobody who exists",
}
"""Each accepted basis and what it claims."""
NEED_EVIDENCE = ("written", "licensed")
NOBODY = "nobody who exists"
"""The subject of a synthetic picture that has no name."""
KIND, WITHOUT_FACE = "sonic-consent/2", "sonic-consent/1"
FACE_FIELDS = ("face_box", "face_likeness")
SHOWN_ID = 12
"""Digits of an id that people are shown."""
MAX_EVIDENCE_BYTES = 4 * 1024**3
"""Of an evidence file: a scan or a recording."""
_MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The grounds on which one person's picture is animated.

    A Consent that cannot be right raises ConsentError when it is made. ``sonic.generate`` binds one without a signature
    to the photo and signs it; whoever writes ``Consent(...)`` in code states what it says.
    """

    subject: str = ""
    """Who is in the photo: a name or another handle that the grounds can be found by; synthetic needs none: NOBODY."""
    basis: str
    """self | written | licensed | synthetic; see BASES."""
    given_on: date = field(default_factory=date.today)
    """Day on which it was given; today if not said."""
    expires_on: date | None = None
    """Last day on which it holds; None is without end."""
    evidence: str | None = None
    """Where the grounds are kept: a file, a contract number, the name of a licence."""
    evidence_name: str | None = None
    """File name, without folders, of a scan or recording that proves them; where it lies beside the consent file, its
    hash is checked."""
    evidence_sha256: str | None = None
    """Of that file."""
    languages: tuple[str, ...] | None = None
    """BCP 47 tags of what the person may be made to speak, en covers en-GB; None is any."""
    purposes: tuple[str, ...] | None = None
    """Free words for what the videos are for, such as education; None is any."""
    photo_sha256: str | None = None
    """Of the photo's file, hexadecimal; None until bound to a photo."""
    photo_likeness: str | None = None
    """likeness.Likeness of the photo as text, by which its copies are known; None until bound to a photo."""
    face_box: tuple[float, float, float, float] | None = None
    """(left, top, right, bottom) of the person's face as shares of the photo's sides; None until bound to a face."""
    face_likeness: str | None = None
    """likeness.Likeness of the face alone, as text; None until bound to a face."""
    confirmed_at: str | None = None
    """When it was confirmed on the command line, UTC, 2026-05-31T12:00:00Z; it makes every `consent new` a new one."""
    signature: Signature | None = None
    """None until signed; another value in any other field makes it false."""

    def __post_init__(self) -> None:
        values = checked({each.name: getattr(self, each.name) for each in dataclasses.fields(self)})
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if not self.subject and self.basis == "synthetic":
            object.__setattr__(self, "subject", NOBODY)
        if not self.subject:
            raise ConsentError(
                'the subject of the consent is empty; name the person in the photo: --subject "Ada Example"'
            )
        if self.basis not in BASES:
            raise ConsentError(f"consent {self.basis!r} is not a basis; give one of {', '.join(BASES)}")
        if self.basis in NEED_EVIDENCE and not (self.evidence or self.evidence_sha256):
            raise ConsentError(f"consent {self.basis!r} needs evidence: where it is kept, --evidence contract-17.pdf")
        if (self.evidence_name is None) != (self.evidence_sha256 is None):
            raise ConsentError("evidence_name and evidence_sha256 of the consent go together; give both or neither")
        if (self.face_box is None) != (self.face_likeness is None):
            raise ConsentError("face_box and face_likeness of the consent go together; give both or neither")
        if self.expires_on is not None and self.expires_on < self.given_on:
            raise ConsentError(f"the consent expires on {self.expires_on}, before it was given on {self.given_on}")

    @property
    def id(self) -> str:
        """SHA-256, hexadecimal, of everything but the signature."""
        return hashlib.sha256(self._signed_bytes()).hexdigest()

    def bound_to(self, photo: Photo, today: date | None = None, *, face: "ShownFace | None" = None) -> "Consent":
        """This consent for this very photo, and for this face of it.

        Raises ConsentError if it was given for another photo, has expired or is not yet given on ``today`` (default:
        the local date).
        """
        for problem in (self.date_problem(today or date.today()), self.photo_problem(photo)):
            if problem:
                raise ConsentError(problem)
        if self.signature is not None:
            return self
        changes: dict[str, Any] = {}
        if self.photo_sha256 is None:
            from sonic.provenance.likeness import Likeness

            changes |= {"photo_sha256": photo.sha256, "photo_likeness": Likeness.of(photo.rgb).to_text()}
        if self.face_box is None and face is not None and self.photo_sha256 in (None, photo.sha256):
            from sonic.provenance.consent.face import likeness_text

            changes |= {"face_box": face.box, "face_likeness": likeness_text(photo, face.box)}
        return dataclasses.replace(self, **changes)

    def date_problem(self, today: date) -> str | None:
        """Why it does not hold on this day, with the remedy; None if it does."""
        if self.given_on > today:
            return f"the consent of {self.subject} is dated {self.given_on}, after today, {today}; correct given_on"
        if self.expires_on is not None and self.expires_on < today:
            return f"the consent of {self.subject} expired on {self.expires_on}; ask for a new one: sonic consent new"
        return None

    def photo_problem(self, photo: Photo) -> str | None:
        """Why it is not for this photo, with the remedy; None if it is, or is bound to none yet."""
        if self.photo_sha256 in (None, photo.sha256):
            return None
        if self.photo_likeness is not None:
            from sonic.provenance.likeness import Likeness

            if Likeness.from_text(self.photo_likeness).is_copy(photo.rgb):
                return None
        return (
            f"the consent of {self.subject} is for the photo with SHA-256 {str(self.photo_sha256)[:SHOWN_ID]}..., but "
            f"{photo.name!r} has {photo.sha256[:SHOWN_ID]}... and is no copy of it; use that photo, or obtain consent "
            "for this one: sonic consent new"
        )

    def face_problem(self, photo: Photo, face: "ShownFace") -> str | None:
        """Why it is not for this face of its photo, or of a copy of it, with the remedy; None if it is."""
        from sonic.provenance.consent.face import is_same_face, is_same_place
        from sonic.provenance.likeness import Likeness

        if self.face_box is None or self.face_likeness is None:
            if face.is_only_one():
                return None
            return (
                f"the consent of {self.subject} names no face, and {photo.name!r} shows several; make one that does: "
                "sonic consent new PHOTO --face N"
            )
        place = self.face_box
        if photo.sha256 != self.photo_sha256 and self.photo_likeness is not None:
            place = Likeness.from_text(self.photo_likeness).place_in(photo.rgb, place)
        if is_same_place(place, face.box, photo.size_px) and is_same_face(photo, place, self.face_likeness):
            return None
        return (
            f"the consent of {self.subject} is for another face of {photo.name!r} than the one that is animated; "
            "choose that face with --face, or obtain consent for this one: sonic consent new PHOTO --face N"
        )

    def signed(self, signer: "Identity") -> "Consent":
        """This consent with the signature of ``signer``. Raises ConsentError unless it is bound to a photo."""
        if self.photo_sha256 is None:
            raise ConsentError("a consent is signed for one photo; bind it first")
        value = signer.sign(self._signed_bytes())
        return dataclasses.replace(self, signature=Signature(signer.public_key_pem, value))

    def is_signed(self) -> bool:
        """Whether there is a signature and it is over exactly this."""
        from sonic.provenance.keys import signed_by

        made = self.signature
        return made is not None and signed_by(self._signed_bytes(), made.value, made.public_key)

    def signer(self) -> str | None:
        """Fingerprint of the key that the signature names, see keys.Identity; None without one that can be read."""
        from sonic.provenance.keys import fingerprint_of

        try:
            return fingerprint_of(self.signature.public_key) if self.signature else None
        except ValueError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as in the file; dates as YYYY-MM-DD."""
        values = {name: _plain(value) for name, value in dataclasses.asdict(self).items()}
        if self.face_box is None:
            for name in FACE_FIELDS:
                del values[name]
        return {"consent": KIND if self.face_box is not None else WITHOUT_FACE} | values

    def summary(self) -> dict[str, Any]:
        """What the record of a video repeats: the terms, the id, and the fingerprint of who signed."""
        terms = self.to_dict()
        for name in ("consent", "photo_likeness", "face_likeness", "confirmed_at", "signature"):
            terms.pop(name, None)
        return {"id": self.id} | terms | {"signed_by": self.signer()}

    @classmethod
    def from_dict(cls, values: Any, where: str = "consent") -> "Consent":
        """The inverse of to_dict, for signed consents; whether the signature is true is not asked here.

        ``where`` names the origin in messages. Raises ConsentError for anything else than that.
        """
        names = {each.name for each in dataclasses.fields(cls)}
        if not isinstance(values, dict):
            raise ConsentError(f"{where} must hold a JSON object as `sonic consent new` writes it")
        if values.get("signature") is None:
            raise ConsentError(f"{where} is not signed; make a signed one: sonic consent new PHOTO")
        if values.get("consent") not in (KIND, WITHOUT_FACE):
            raise ConsentError(f"{where} is of another format than {KIND}; make it anew: sonic consent new PHOTO")
        if values["consent"] == WITHOUT_FACE:
            names -= set(FACE_FIELDS)
        if unknown := sorted(str(name) for name in values.keys() - names - {"consent"}):
            raise ConsentError(f"{where} has unknown fields {', '.join(unknown[:5])[:99]}; it was changed or is newer")
        if missing := sorted(names - values.keys()):
            raise ConsentError(f"{where} lacks {', '.join(missing)}; it was changed, or cut off")
        try:
            return cls(**read(values))
        except ConsentError as error:
            raise ConsentError(f"{where}: {error}") from error

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> "Consent":
        """The signed consent in a file that ``sonic consent new`` or ``save`` wrote.

        Raises ConsentError if there is none, or if the evidence file lies beside it and is not the one that was signed
        for. The signature, the dates, the photo and a revocation are judged when the consent is used.
        """
        path = Path(path)
        try:
            values = json.loads(read_small(path, _MAX_FILE_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
            raise ConsentError(
                f"consent {str(path)!r} cannot be read ({reason}); give {', '.join(BASES)}, or a consent file"
            ) from error
        consent = cls.from_dict(values, where=path.name)
        if problem := consent.evidence_problem(path.parent):
            raise ConsentError(problem)
        return consent

    def evidence_problem(self, folder: Path) -> str | None:
        """What is wrong with the evidence file if it lies in ``folder``, with the remedy; None if nothing is."""
        path = folder / self.evidence_name if self.evidence_name else None
        try:
            if path is None or not path.is_file() or sha256_of_file(path, MAX_EVIDENCE_BYTES) == self.evidence_sha256:
                return None
        except (OSError, ValueError) as error:
            return f"evidence {str(path)!r} cannot be read ({error}); make it readable, or move it elsewhere"
        return f"evidence {str(path)!r} is not the file that the consent names; put the original back"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this signed consent as JSON. Raises ConsentError if it is unsigned or the file cannot be written."""
        if self.signature is None:
            raise ConsentError("an unsigned consent cannot be saved; make a signed one with: sonic consent new PHOTO")
        try:
            Path(path).write_text(self.to_json(), encoding="utf-8")
        except OSError as error:
            raise ConsentError(f"the consent cannot be written to {str(path)!r} ({error.strerror})") from error

    def to_json(self) -> str:
        """The text of the file."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def _signed_bytes(self) -> bytes:
        values = self.to_dict()
        del values["signature"]
        return canonical(values)


def now_text() -> str:
    """The present as it stands in records: UTC, 2026-05-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, date) else value
