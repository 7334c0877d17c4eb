"""What must hold before any work is done, looked up once for each job: the Permit."""

from dataclasses import dataclass, replace
from pathlib import Path

from sonic.errors import ConsentError, SettingError
from sonic.pipeline.write import check_output, try_folder
from sonic.provenance import audit
from sonic.provenance.aigc import content_producer
from sonic.provenance.consent import Consent
from sonic.provenance.consent.check import authorise, examine
from sonic.provenance.consent.face import shown_in
from sonic.provenance.keys import Identity
from sonic.provenance.likeness import Box
from sonic.provenance.policy import Policy, active
from sonic.provenance.signer import identity
from sonic.settings import Settings
from sonic.settings.common import AUTO_LANGUAGE
from sonic.types import Photo, Portrait


@dataclass(frozen=True, slots=True)
class Permit:
    """What one video is made under, from before the first step until it has its name."""

    policy: Policy
    signer: Identity
    producer: str
    """ContentProducer of the AIGC metadata."""
    consent: Consent
    """As it was given until ``require_consent`` has bound it to photo and face, and signed it."""
    overwrite: bool = False
    """Whether the video may replace a file that is no earlier output."""
    covers: tuple[str, Box] | None = None
    """SHA-256 of the photo and place of the face that the consent was found to cover; None before that was asked."""


def request_permit(
    consent: object, settings: Settings, out: Path | None = None, *inputs: Path, overwrite: bool = False
) -> Permit:
    """The permit for one job; cheap, so that it is asked for before any work.

    ``out`` is where the video will be written, None where frames are streamed; ``inputs`` are files that it must not
    replace. Raises ConsentError for something that is no consent or that the policy does not accept, SettingError for
    a label that it forbids or a certificate that cannot sign, OutputError where ``out`` or the audit log cannot be
    written.
    """
    if settings.language == AUTO_LANGUAGE:
        raise SettingError("language is auto, and nothing listens at this step; give a tag such as en")
    if out is not None:
        check_output(out, *inputs, overwrite=overwrite)
    if type(consent) is not Consent:
        raise ConsentError(f"consent is {consent!r}; every video needs one, give a sonic.Consent")
    signer = identity()
    policy = active()
    policy.check(settings, consent)
    audit.ready()
    if out is not None:
        try_folder(out)
    return Permit(policy, signer, content_producer(policy), consent, overwrite)


def check_photo(permit: Permit, photo: Photo, settings: Settings) -> None:
    """Raise ConsentError if it is known already, before any face is looked for, that the consent does not hold."""
    examine(
        permit.consent, photo, language=settings.language, purpose=settings.purpose, policy=permit.policy
    )  # fmt: skip


def require_consent(permit: Permit, portrait: Portrait, settings: Settings) -> Permit:
    """The permit with its consent signed for this face, language and purpose. Raises ConsentError."""
    face = shown_in(portrait, settings.face)
    covers = (portrait.photo.sha256, face.box)
    if permit.covers == covers:
        return permit
    signed = authorise(
        permit.consent,
        portrait.photo,
        face=face,
        language=settings.language,
        purpose=settings.purpose,
        policy=permit.policy,
        signer=permit.signer,
    )
    return replace(permit, consent=signed, covers=covers)
