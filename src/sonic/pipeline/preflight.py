"""What must hold before any work: consent, policy, a log that can be written."""

from sonic.errors import ConsentError
from sonic.provenance import audit
from sonic.provenance.consent import Consent
from sonic.provenance.consent.check import authorise
from sonic.provenance.policy import Policy, active
from sonic.settings import Settings
from sonic.types import Photo


def ready(consent: object, settings: Settings) -> Policy:
    """The policy that holds, once it is known that there are grounds, a place for the log, and allowed settings.

    Cheap: asked before any work. Raises ConsentError, SettingError and OutputError.
    """
    if not isinstance(consent, Consent):
        raise ConsentError(f"consent is {consent!r}; every video needs grounds, give a sonic.Consent")
    policy = active()
    policy.check_settings(settings)
    audit.ready()
    return policy


def grounds(consent: Consent, photo: Photo, settings: Settings, policy: Policy) -> Consent:
    """The signed consent for this photo, language and purpose. Raises ConsentError."""
    return authorise(consent, photo, language=settings.language, purpose=settings.purpose, policy=policy)
