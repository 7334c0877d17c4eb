"""``sonic consent revoke``: one consent ends, and what else allows the same photo is named."""

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING

from sonic.apps.cli.ask import add_confirmed, agreed, can_ask, confirm
from sonic.apps.cli.show import Reporter
from sonic.errors import ConsentError, SettingError

if TYPE_CHECKING:
    from sonic.provenance.consent import Consent

REVOKE = """\
Ends it for the photo, its copies, the person's name and the face. Other consents that still allow the photo are named,
and in a terminal each is offered to be ended as well; without one, --all ends them.
"""


def add_revoke(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument("consent", metavar="FILE|ID", help="a consent file, or the beginning of the id of one")
    command.add_argument(
        "--all", action="store_true", help="also end the other consents for the same photo, whatever person they name"
    )
    add_confirmed(command)


def revoke(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic consent revoke``"""
    from sonic.provenance.consent import revocation, store
    from sonic.provenance.consent.resolve import consent_from

    consent = consent_from(arguments.consent)
    if not consent.is_signed():
        raise ConsentError(
            f"{arguments.consent} was changed after it was signed and holds nowhere; revoke the original"
        )
    confirm(arguments, f"Consent {consent.id[:12]} of {consent.subject} will be revoked; that is final.")
    store.keep(consent)
    at = revocation.revoke(consent)
    ended, left = _others(arguments, consent)
    lines = [
        f"consent {consent.id[:12]} of {consent.subject} was revoked on {at}; nothing new is made here "
        "of this photo and subject on what was given before",
        *(f"also revoked: {about(other)}" for other in ended),
        *(f"still allows the same photo: {about(other)}; end it with: sonic consent revoke {other.id[:12]}"
          for other in left),
    ]  # fmt: skip
    others = {"also_revoked": [o.summary() for o in ended], "still_allowing": [o.summary() for o in left]}
    reporter.result("\n".join(lines), id=consent.id, revoked_at=at, **others)


def _others(arguments: argparse.Namespace, revoked: "Consent") -> tuple[list["Consent"], list["Consent"]]:
    """(ended, left): other consents that allowed the same photo; each is ended by --all or by a yes in the terminal."""
    from sonic.provenance.consent import revocation
    from sonic.provenance.consent.check import still_allowing
    from sonic.provenance.policy import Policy, active

    policy = Policy()
    with suppress(SettingError):  # a policy that cannot be read keeps nobody from ending a consent
        policy = active()
    asks = not arguments.confirmed and can_ask(arguments)
    ended, left = [], []
    for other in still_allowing(revoked, policy):
        if arguments.all or (asks and agreed(f"{about(other)}, still allows the same photo. End it too?")):
            revocation.revoke(other)
            ended.append(other)
        else:
            left.append(other)
    return ended, left


def about(consent: "Consent") -> str:
    """Which one it is, in a line."""
    return f"consent {consent.id[:12]} of {consent.subject}, {consent.basis}"
