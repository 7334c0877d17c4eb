"""From findings to a verdict and one sentence; nothing is concluded that the findings do not carry."""

import itertools
from collections.abc import Mapping
from typing import Any

from sonic.verification.findings import Findings, text

AI_SOURCES = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic")
"""IPTC digital source types that say that AI had a part in it."""
TAG_LABELS = {"1": "is", "2": "may be", "3": "is suspected to be"}
"""Label of the AIGC metadata -> how far it says that the content is AI-generated, as the standard is reported."""
TOO_SLOW = "not ready within"
"""How the reason begins when reading the credentials took too long."""
PRODUCE_ID_DIGITS = 32
SHOWN_DIGITS = 12


def verdict(found: Findings, conflicts: tuple[str, ...]) -> str:
    """One of report.VERDICTS."""
    signed = found.credentials
    if is_broken(found):
        return "changed"
    if conflicts:
        return "contradictory"
    if signed is not None and is_sealed(found):
        if not signed.made:
            return "other tool"
        return "intact" if signed.ours or signed.trusted else "unknown signer"
    if signed is not None and not is_unread(found):
        return "other tool"
    return "marked" if states_ai(found) else "nothing"


def conflicts(found: Findings) -> tuple[str, ...]:
    """Which layers name different videos: a signed statement, metadata like Sonic's, the pixels."""
    tagged = found.tag.produce_id if found.tag else ""
    as_sonic_writes = found.tag is not None and len(tagged) == PRODUCE_ID_DIGITS and found.tag.record_sha256 != ""
    ids = (
        ("the Content Credentials name", found.signed_id),
        ("the AIGC metadata names", tagged if as_sonic_writes else ""),
        ("the watermark names", found.watermark_id),
    )
    known = [(who, made) for who, made in ids if made]
    return (
        _broken_promises(found)
        + _forgotten(found)
        + tuple(
            f"{who} video {made[:SHOWN_DIGITS]}, {other} {other_made[:SHOWN_DIGITS]}"
            for (who, made), (other, other_made) in itertools.combinations(known, 2)
            if not (made.startswith(other_made) or other_made.startswith(made))
        )
    )


def _broken_promises(found: Findings) -> tuple[str, ...]:
    """Marks that the signed statement says were read in this very content, and that no picture shows."""
    seen, promised = found.label, found.promised
    if seen is None or not seen.n_frames:
        return ()
    told = []
    if promised.get("label") and not seen.n_labelled and "label" not in found.skipped:
        told.append("the signed statement says that the visible label is on it, and no picture shows it")
    if promised.get("watermark") and not (found.watermark or found.faint) and "watermark" not in found.skipped:
        told.append("the signed statement says that the watermark is in it, and it is not")
    return tuple(told)


def _forgotten(found: Findings) -> tuple[str, ...]:
    """What the log of this machine should know of a video that this machine's key signed."""
    if not found.by_local_key or "log" in found.skipped:
        return ()
    if found.logged is None:
        return (
            "this machine's key signed it, and this machine's log has no entry of it: the log was cut or replaced, or "
            "the key signs elsewhere",
        )
    if found.log_forgot:
        return ("it was made after an entry that this machine's log does not have: the log was cut or replaced",)
    return ()


def states_ai(found: Findings) -> bool:
    """Whether any layer says that AI had a part in it."""
    signed = found.credentials
    return (
        (signed is not None and says_ai(found))
        or (found.tag is not None and found.tag.label in TAG_LABELS)
        or (found.beside is not None and found.beside.names_this_file)
        or found.watermark is not None
        or (found.label is not None and found.label.n_labelled > 0)
        or found.logged is not None
    )


def says_ai(found: Findings) -> bool:
    """Whether the Content Credentials say so."""
    signed = found.credentials
    return signed is not None and (bool(signed.made) or any(one.source_type in AI_SOURCES for one in signed.actions))


def is_sealed(found: Findings) -> bool:
    """Whether the content is bound by a signature that fits, whoever signed."""
    return found.is_sealed


def is_unread(found: Findings) -> bool:
    """Whether reading the Content Credentials took too long: there may be some, they may fit."""
    signed = found.credentials
    return signed is not None and any(code.startswith(TOO_SLOW) for code in signed.codes)


def is_broken(found: Findings) -> bool:
    """Whether there are Content Credentials that do not fit."""
    signed = found.credentials
    if signed is None or is_sealed(found) or is_unread(found):
        return False
    return signed.state == "invalid"


def headline(found: Findings, verdict_: str) -> str:
    """One sentence."""
    match verdict_:
        case "intact":
            return f"AI-generated with Sonic, signed {_by(found)}, and unchanged since."
        case "unknown signer":
            return (
                "AI-generated with Sonic, it says under a signature that fits, and unchanged since; but nobody that is "
                "known here signed it."
            )
        case "changed":
            return _changed(found)
        case "contradictory":
            return "Its layers contradict each other: they are not all of this video, or not as they were made."
        case "other tool":
            return _other(found)
        case "nothing":
            return (
                "No trace of AI generation was found. That proves nothing: marks can be removed, and most tools leave "
                "none."
            )
    return _marked(found)


def _by(found: Findings) -> str:
    signed = found.credentials
    if signed is None:
        return ""
    return "with this machine's own key" if signed.ours else f"by {text(signed.signer) or 'an unnamed signer'}"


def _changed(found: Findings) -> str:
    signed = found.credentials
    if signed is None or not signed.signature_ok:
        return "Its Content Credentials are damaged or were changed: nothing that they say counts." + _also(found)
    what = "AI-generated with Sonic" if signed.made else "made with AI" if says_ai(found) else "another tool's"
    return f"It was signed as {what}, and changed or damaged after that." + _also(found)


def _also(found: Findings) -> str:
    marks = _marks(found)
    return f" It still carries {_listed(marks)}." if marks else ""


def _other(found: Findings) -> str:
    signed = found.credentials
    if signed is None:
        return ""
    tool = text(signed.made_with) or "a tool that it does not name"
    states = "made or changed with AI" if says_ai(found) else "not said to be made with AI"
    if not is_sealed(found):
        return f"It has Content Credentials of {tool}, {states}; nothing binds them to this content." + _also(found)
    known = f"signed by {text(signed.signer)}" if signed.trusted else "but nobody that is known here signed it"
    return f"It has Content Credentials of {tool}: {states}; unchanged since, {known}." + _also(found)


def _marked(found: Findings) -> str:
    if found.logged is not None and found.logged.by == "sha256":
        return "AI-generated with Sonic on this machine: its log has this very file."
    marks = _marks(found)
    if found.watermark is not None:
        return f"It carries {_listed(marks)}: a Sonic video, most likely, whose signature is gone."
    if found.tag is not None and found.tag.label in TAG_LABELS and len(marks) == 1:
        return f"Its AIGC metadata says that it {TAG_LABELS[found.tag.label]} AI-generated; no signature proves it."
    return f"It is marked as AI-generated by {_listed(marks)}; no signature proves it."


def _marks(found: Findings) -> list[str]:
    marks = []
    if found.watermark is not None:
        marks.append("Sonic's watermark")
    if found.label is not None and found.label.n_labelled:
        marks.append("Sonic's visible label")
    if found.tag is not None and found.tag.label in TAG_LABELS:
        marks.append("AIGC metadata")
    if found.beside is not None and found.beside.names_this_file:
        marks.append("a record beside it")
    if found.logged is not None and not marks:
        marks.append("an entry in this machine's log")
    return marks


def _listed(marks: list[str]) -> str:
    return " and ".join([", ".join(marks[:-1]), marks[-1]]) if len(marks) > 1 else "".join(marks)


def facts_of_credentials(found: Findings) -> Mapping[str, Any]:
    """Plain values of the Content Credentials."""
    signed = found.credentials
    if signed is None:
        return {}
    return {
        "signature_ok": signed.signature_ok,
        "bytes_not_covered": found.n_outside,
        "content_ok": signed.content_ok,
        "trusted": signed.trusted,
        "this_machine": signed.ours,
        "signer": text(signed.signer) or None,
        "issuer": text(signed.issuer) or None,
        "fingerprint": signed.fingerprint,
        "signed_at": signed.signed_at.isoformat() if signed.signed_at else None,
        "time_attested": signed.time_attested,
        "made_with": text(signed.made_with) or None,
        "source_type": text(signed.source_type) or None,
        "actions": [text(action.name) for action in signed.actions],
        "produce_id": found.signed_id or None,
        "codes": [text(code) for code in signed.codes],
    }
