"""Consents and audit log against each other: neither can lose or gain a file or a line without the other."""

from sonic.provenance import audit
from sonic.provenance.consent import revocation, store
from sonic.provenance.consent.terms import SHOWN_ID


def faults() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(problems, notices), one line each. Raises ConsentError and OutputError where consents or log cannot be read."""
    entered, ended, used = (dict[str, int]() for _ in range(3))
    for entry in audit.entries():
        place = {"consent": entered, "revocation": ended, "video": used, "stream": used}.get(entry.kind)
        if place is not None:
            place.setdefault(str(entry.facts.get("consent")), entry.n)
    kept = {consent.id for consent in store.kept() if consent.is_signed()}
    filed = revocation.filed()
    problems = [
        *(_told(n, one, "was used, and no entry says that it was given") for one, n in _missing(used, entered)),
        *(_told(n, one, "was used, and its copy was removed or changed") for one, n in _missing(used, kept)),
        *(_told(n, one, "was revoked, and the revocation was removed; it holds all the same")
          for one, n in _missing(ended, filed)),
        *(_told(0, one, "lies here, and no entry says that it was given") for one in sorted(kept - entered.keys())),
        *(_told(0, one, "is revoked here, and no entry says so") for one in sorted(filed - ended.keys())),
    ]  # fmt: skip
    unused = {one: n for one, n in entered.items() if one not in used}
    notices = [_told(n, one, "has an entry and no copy, as a crash leaves it") for one, n in _missing(unused, kept)]
    return tuple(problems), tuple(notices)


def _missing(entries: dict[str, int], known: set[str] | dict[str, int]) -> list[tuple[str, int]]:
    return [(one, n) for one, n in entries.items() if one not in known]


def _told(n: int, consent_id: str, what: str) -> str:
    return f"consent {consent_id[:SHOWN_ID]}{f' of entry {n}' if n else ''} {what}"
