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
from sonic.settings.platforms import platform
from sonic.settings.presets import preset

if TYPE_CHECKING:
    from sonic.pipeline.captioning import CaptionRequest
    from sonic.provenance.consent import Consent


def chosen_settings(arguments: argparse.Namespace) -> Settings:
    """Settings by option, else by platform, else by preset, else by the user's defaults. Raises SettingError."""
    return Settings().replace(**chosen_values(arguments))


def chosen_values(arguments: argparse.Namespace) -> dict[str, Any]:
    """As chosen_settings, without those that nobody chose."""
    own = defaults()
    name = getattr(arguments, "preset", None) or own.preset
    values: dict[str, Any] = own.settings | (preset(name) if name else {})
    if there := getattr(arguments, "platform", None) or values.get("platform"):
        values |= platform(there).settings
    given = {name: value for name in settings_table() if (value := getattr(arguments, name, None)) is not None}
    _check_for_engine(Settings().replace(**values | given), given)
    return values | given


def chosen_captions(arguments: argparse.Namespace) -> "CaptionRequest | None":
    """What was asked for of captions. Raises SettingError for a style without captions."""
    from sonic.captions.draw import style_of
    from sonic.pipeline.captioning import CaptionRequest

    if arguments.captions is None:
        if arguments.burn_in or arguments.karaoke:
            raise SettingError(
                "--burn-in and --karaoke draw captions, and there are none; add --captions with a text, or auto"
            )
        return None
    style = style_of(arguments.caption_font, burn_in=arguments.burn_in, karaoke=arguments.karaoke)
    return CaptionRequest.of(arguments.captions, style, arguments.caption_weights)


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
    consent = stated_consent(arguments, given, arguments.subject or own.subject)
    if consent.basis == "self" and consent.signature is None:
        confirm(arguments, statement(consent))
    return consent


def stated_consent(arguments: argparse.Namespace, given: str, subject: str | None) -> "Consent":
    """What the options say of consent, not confirmed yet. Raises ConsentError."""
    from sonic.provenance.consent import BASES, Consent
    from sonic.provenance.consent.resolve import consent_from

    if given not in BASES:
        return consent_from(given)
    if not subject and given != "synthetic":
        raise ConsentError(f"--consent {given} names nobody; add --subject with the person's name")
    return Consent(
        subject=subject or "",
        basis=given,
        given_on=day(arguments.consent_given, "--consent-given") or date.today(),
        expires_on=day(arguments.consent_expires, "--consent-expires"),
        evidence=arguments.evidence,
    )


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
