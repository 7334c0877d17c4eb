"""What an organisation requires of every video on a machine: a TOML file that generate obeys.

    SONIC_POLICY     path of the policy; else /etc/sonic/policy.toml (macOS: /Library/Application Support/Sonic,
                     Windows: %PROGRAMDATA%\\Sonic); without either nothing more is required

    bases = ["written"]            accepted grounds of a consent
    evidence_file = true           every consent names an evidence file with its hash
    max_validity_days = 365        every consent expires, at most so many days after it was given
    trusted_keys = ["<sha256>"]    consents signed elsewhere hold too: fingerprints as `sonic consent show` prints them
    languages = ["en", "de"]       every video states one of these languages, en covers en-GB
    purposes = ["education"]       every video states one of these purposes
    label_span = "throughout"      the visible label may not be limited to the opening
    producer = "Example-Co"        ContentProducer of the AIGC metadata

Every line may be left out. A file that cannot be read or understood stops the work: it is never ignored. It binds
people who mean to keep it; whoever may change the environment or this program is bound by other means.
"""

import os
import string
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.errors import ConsentError, SettingError
from sonic.files import read_small_text
from sonic.provenance.consent import validators
from sonic.settings import Settings

if TYPE_CHECKING:
    from sonic.provenance.consent.terms import Consent

POLICY_VARIABLE = "SONIC_POLICY"
MAX_PRODUCER = 64
_MAX_BYTES = 64 * 1024
_ASCII = frozenset(string.ascii_letters + string.digits + string.punctuation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The lines of a policy; None, False and () require nothing."""

    source: Path | None = None
    """The file; None where there is no policy."""
    bases: tuple[str, ...] | None = None
    evidence_file: bool = False
    max_validity_days: int | None = None
    trusted_keys: tuple[str, ...] = ()
    languages: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None
    label_span: str | None = None
    producer: str | None = None

    def to_text(self) -> str:
        """One line for people: where it is and what it requires."""
        if self.source is None:
            return "none"
        lines = [f"{f.name} {_shown(v)}" for f in fields(self)[1:] if (v := getattr(self, f.name))]
        return f"{self.source}: {'; '.join(lines) or 'requires nothing'}"

    def check_settings(self, settings: Settings) -> None:
        """Raise SettingError unless the label is as required, and ConsentError unless language and purpose are."""
        if self.label_span not in (None, settings.label_span):
            raise SettingError(
                f"label_span {settings.label_span}; the policy {self.source} requires {self.label_span}: leave it out"
            )
        if problem := self.use_problem(settings.language, settings.purpose):
            raise ConsentError(problem)

    def use_problem(self, language: str | None, purpose: str | None) -> str | None:
        """Why a video in this language for this purpose is not allowed, with the remedy; None if it is."""
        return scope_problem(f"the policy {self.source}", self.languages, self.purposes, language, purpose)

    def consent_problem(self, consent: "Consent") -> str | None:
        """Why this consent is not enough, with the remedy; None if it is."""
        who = f"the policy {self.source}"
        if self.bases is not None and consent.basis not in self.bases:
            return f"{who} accepts consent {' or '.join(self.bases)}, not {consent.basis}; obtain such a consent"
        if self.evidence_file and consent.evidence_sha256 is None:
            return f"{who} requires an evidence file; make one with: sonic consent new --evidence-file"
        if self.max_validity_days is None:
            return None
        if consent.expires_on is None:
            return (
                f"{who} requires that a consent expires within {self.max_validity_days} days; make one with --expires"
            )
        if (days := (consent.expires_on - consent.given_on).days) > self.max_validity_days:
            return f"{who} allows consents of {self.max_validity_days} days; this one has {days}, make a shorter one"
        return None


def active() -> Policy:
    """The policy of this machine, read anew. Raises SettingError if there is one that cannot be understood."""
    if given := os.environ.get(POLICY_VARIABLE):
        return read(Path(given))
    path = _system_path()
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return Policy()
    except OSError:
        pass  # it may be there: reading says why it cannot be read
    return read(path)


def read(path: Path) -> Policy:
    """The policy in a file. Raises SettingError."""
    try:
        values = tomllib.loads(read_small_text(path, _MAX_BYTES))
        return Policy(source=path, **{name: _checked(name, value) for name, value in values.items()})
    except (OSError, ValueError, RecursionError, ConsentError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise SettingError(
            f"policy {str(path)!r} cannot be used ({reason}); nothing is made until it is mended or removed"
        ) from error


def scope_problem(
    who: str,
    languages: tuple[str, ...] | None,
    purposes: tuple[str, ...] | None,
    language: str | None,
    purpose: str | None,
) -> str | None:
    """Why a video in this language for this purpose lies outside of what ``who`` allows; None if it lies within.

    None as a list allows any; what is limited has to be stated.
    """
    for name, allowed, given, covers in (
        ("language", languages, language, validators.covers_language),
        ("purpose", purposes, purpose, validators.covers_purpose),
    ):
        if allowed is None:
            continue
        if given is None:
            return f"{who} is limited to {name} {', '.join(allowed)}; say what this video is: --{name} {allowed[0]}"
        if not covers(allowed, given):
            return f"{who} allows {name} {', '.join(allowed)}, not {given}; obtain consent for that, or change --{name}"
    return None


def is_producer(name: str) -> bool:
    """Whether the AIGC metadata can hold this ContentProducer: 1 to 64 printable ASCII characters without spaces."""
    return 1 <= len(name) <= MAX_PRODUCER and _ASCII.issuperset(name)


def _checked(name: str, value: Any) -> Any:
    """The value of one line; raises ValueError or ConsentError if it is not what the line needs."""
    from sonic.provenance.consent.terms import BASES

    match name:
        case "bases":
            _require(
                isinstance(value, list) and value and set(map(str, value)) <= set(BASES),
                name,
                "a list of " + ", ".join(BASES),
            )
            return tuple(value)
        case "evidence_file":
            _require(isinstance(value, bool), name, "true or false")
        case "max_validity_days":
            _require(type(value) is int and 1 <= value <= 36_500, name, "a number of days, 1 to 36500")
        case "trusted_keys":
            _require(isinstance(value, list), name, "a list of fingerprints, 64 hexadecimal digits each")
            return tuple(validators.sha256(name, key) for key in value)
        case "languages":
            return validators.languages(name, value)
        case "purposes":
            return validators.purposes(name, value)
        case "label_span":
            _require(value == "throughout", name, '"throughout"')
        case "producer":
            _require(isinstance(value, str) and is_producer(value), name, "1 to 64 ASCII characters without spaces")
        case _:
            known = ", ".join(f.name for f in fields(Policy)[1:])
            raise ValueError(f"{name!a} is no line of a policy; the lines are {known}")
    return value


def _require(holds: object, name: str, rule: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {rule}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as TOML writes it
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _system_path() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "Sonic" / "policy.toml"
    if sys.platform == "darwin":
        return Path("/Library/Application Support/Sonic/policy.toml")
    return Path("/etc/sonic/policy.toml")
