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
_MAX_TOLD = 8
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
            keys = ", ".join(f.name for f in fields(self)[1:])
            return f"none; {POLICY_VARIABLE} or {_system_path()} would be obeyed, with any of {keys}"
        lines = [f"{f.name} {_shown(v)}" for f in fields(self)[1:] if (v := getattr(self, f.name))]
        return f"{self.source}: {'; '.join(lines) or 'requires nothing'}"

    def check(self, settings: Settings, consent: "Consent | None" = None) -> None:
        """Raise, with everything that is against the policy in one line, SettingError for the label, else ConsentError.

        Of a ``consent`` what it lacks is told as well.
        """
        label = None
        if self.label_span not in (None, settings.label_span):
            label = f"{self._who} requires label_span {self.label_span}, not {settings.label_span}: leave it out"
        use = scope_problem(self._who, self.languages, self.purposes, settings.language, settings.purpose)
        found = [label, use, self.consent_problem(consent) if consent is not None else None]
        if message := "; ".join(filter(None, found)):
            raise (SettingError if label else ConsentError)(message)

    def consent_problem(self, consent: "Consent") -> str | None:
        """Everything that this consent lacks, in one line with the remedy; None if it is enough."""
        found, days = [], self.max_validity_days
        if self.bases is not None and consent.basis not in self.bases:
            found.append(f"accepts consent {' or '.join(self.bases)}, not {consent.basis}")
        if self.evidence_file and consent.evidence_sha256 is None:
            found.append("requires an evidence file (--evidence-file)")
        if days is not None and consent.expires_on is None:
            found.append(f"requires that a consent expires within {days} days (--expires)")
        elif days is not None and consent.expires_on and (lasts := (consent.expires_on - consent.given_on).days) > days:
            found.append(f"allows consents of {days} days, not of {lasts} (--expires)")
        return f"{self._who} {'; it '.join(found)}; make one that fits: sonic consent new" if found else None

    @property
    def _who(self) -> str:
        return f"the policy {self.source}"


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
        return Policy(source=path, **_all_checked(tomllib.loads(read_small_text(path, _MAX_BYTES))))
    except (OSError, ValueError, RecursionError) as error:
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
    """Why a video in this language for this purpose lies outside of what ``who`` allows, language and purpose in one
    line; None if it lies within.

    None as a list allows any; what is limited has to be stated.
    """
    found = []
    for name, allowed, given, covers in (
        ("language", languages, language, validators.covers_language),
        ("purpose", purposes, purpose, validators.covers_purpose),
    ):
        if allowed is None:
            continue
        words = ", ".join(allowed)
        if given is None:
            found.append(f"is limited to {name} {words}; say what this video is: --{name} {allowed[0]}")
        elif not covers(allowed, given):
            found.append(f"allows {name} {words}, not {given}; obtain consent for that, or change --{name}")
    return f"{who} {'; it '.join(found)}" if found else None


def is_producer(name: str) -> bool:
    """Whether the AIGC metadata can hold this ContentProducer: 1 to 64 printable ASCII characters without spaces."""
    return 1 <= len(name) <= MAX_PRODUCER and _ASCII.issuperset(name)


def _all_checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of all lines; raises ValueError with every line that is not as it should be."""
    checked, wrong = {}, []
    for name, value in values.items():
        try:
            checked[name] = _checked(name, value)
        except (ValueError, ConsentError) as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong[:_MAX_TOLD]))
    return checked


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
