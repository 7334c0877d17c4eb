"""Sonic: one portrait and one speech recording become a labelled video of the portrait speaking.

    import sonic

    consent = sonic.Consent(subject="Ada Example", basis="self")
    sonic.generate("portrait.jpg", "speech.mp3", "out.mp4", consent=consent)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sonic.api import Delivered, Result, generate, stream
    from sonic.errors import (
        Cancelled,
        ConsentError,
        FaceError,
        InstallError,
        MediaError,
        OutputError,
        PhotoError,
        SettingError,
        SonicError,
        SpeechError,
    )
    from sonic.motion import Motion
    from sonic.pipeline.job import Job
    from sonic.provenance.consent import Consent
    from sonic.session import Session
    from sonic.settings import Settings
    from sonic.types import Frame, Progress
    from sonic.verification import Verification, verify

__version__ = "0.1.0"

_HOME = {
    "sonic.errors": (
        "Cancelled",
        "ConsentError",
        "FaceError",
        "InstallError",
        "MediaError",
        "OutputError",
        "PhotoError",
        "SettingError",
        "SonicError",
        "SpeechError",
    ),
    "sonic.motion": ("Motion",),
    "sonic.api": ("Delivered", "Result", "generate", "stream"),
    "sonic.pipeline.job": ("Job",),
    "sonic.provenance.consent": ("Consent",),
    "sonic.session": ("Session",),
    "sonic.settings": ("Settings",),
    "sonic.types": ("Frame", "Progress"),
    "sonic.verification": ("Verification", "verify"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Cancelled",
    "Consent",
    "ConsentError",
    "Delivered",
    "FaceError",
    "Frame",
    "InstallError",
    "Job",
    "MediaError",
    "Motion",
    "OutputError",
    "PhotoError",
    "Progress",
    "Result",
    "Session",
    "SettingError",
    "Settings",
    "SonicError",
    "SpeechError",
    "Verification",
    "generate",
    "stream",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'sonic' has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
