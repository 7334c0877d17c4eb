"""Settings and consent as a command line chooses them: options, a user's defaults, what lies beside a photo."""

import argparse
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli.ask import confirm, day
from sonic.apps.cli.config import defaults
from sonic.apps.cli.consent import SUFFIX, statement
from sonic.apps.cli.show import Reporter, printable
from sonic.errors import ConsentError, SettingError
from sonic.settings import Settings, settings_table
from sonic.settings.presets import preset

if TYPE_CHECKING:
    from sonic.provenance.consent import Consent


def chosen_settings(arguments: argparse.Namespace) -> Settings:
    """Settings by option, else by preset, else by the user's defaults. Raises SettingError."""
    own = defaults()
    name = getattr(arguments, "preset", None) or own.preset
    values: dict[str, Any] = own.settings | (preset(name) if name else {})
    given = {name: value for name in settings_table() if (value := getattr(arguments, name, None)) is not None}
    settings = Settings().replace(**values | given)
    _check_for_engine(settings, given)
    return settings


def chosen_consent(arguments: argparse.Namespace, portrait: str, reporter: Reporter) -> "Consent":
    """The consent of --consent, else the file beside the photo, else that of the user's defaults.

    Raises ConsentError where there is none, or what was chosen cannot be right.
    """
    from sonic.provenance.consent.resolve import consent_from

    own = defaults()
    given = arguments.consent
    if given is None and (beside := _beside(portrait)) is not None:
        reporter.notice(f"consent {printable(beside.name)!r}, found beside the photo")
        return consent_from(beside)
    given = given or own.consent
    if given is None:
        raise ConsentError(
            'every video needs a recorded consent; add --consent self --subject "YOUR NAME" if you are the person, '
            f"or make one for this photo: sonic consent new {printable(portrait)}"
        )
    return _stated(arguments, given, arguments.subject or own.subject)


def _stated(arguments: argparse.Namespace, given: str, subject: str | None) -> "Consent":
    from sonic.provenance.consent import BASES, Consent
    from sonic.provenance.consent.resolve import consent_from

    if given not in BASES:
        return consent_from(given)
    if not subject and given != "synthetic":
        raise ConsentError(f"--consent {given} names nobody; add --subject with the person's name")
    consent = Consent(
        subject=subject or "",
        basis=given,
        given_on=day(arguments.consent_given, "--consent-given") or date.today(),
        expires_on=day(arguments.consent_expires, "--consent-expires"),
        evidence=arguments.evidence,
    )
    if consent.basis == "self":
        confirm(arguments, statement(consent))
    return consent


def _beside(portrait: str) -> Path | None:
    """The consent file that `sonic consent new` wrote beside this photo."""
    path = Path(portrait)
    beside = path.with_name(f"{path.stem}{SUFFIX}") if path.name else path
    return beside if beside.is_file() else None


def _check_for_engine(settings: Settings, given: Iterable[str]) -> None:
    """Raise SettingError for an engine that is not there, and for an option that this engine does not heed."""
    from sonic.engines import check_engine

    check_engine(settings.engine)
    for name in given:
        if (engine := settings_table()[name].engine) not in ("", settings.engine):
            raise SettingError(
                f"--{name.replace('_', '-')} is only for engine {engine}, and this is engine {settings.engine}; "
                f"leave it out, or add --engine {engine}"
            )
