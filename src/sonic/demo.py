"""The portrait and the recording that ship with Sonic, and the consent for this portrait and no other."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sonic.provenance.consent import Consent

_FOLDER = Path(__file__).parent / "assets" / "demo"
PORTRAIT = _FOLDER / "portrait.png"
SPEECH = _FOLDER / "speech.flac"
SUBJECT = "Mira Sonic, a fictional person"
EVIDENCE = "drawn by code that ships with Sonic"


def consent() -> "Consent":
    """The grounds to animate PORTRAIT or a copy of it; unsigned, bound to that photo."""
    from datetime import date

    from sonic.media.photo import load_photo
    from sonic.provenance.consent import Consent

    stated = Consent(subject=SUBJECT, basis="synthetic", given_on=date.today(), evidence=EVIDENCE)
    return stated.bound_to(load_photo(PORTRAIT))
