"""The words for each layer: what was found, what it proves, and what it does not."""

from collections.abc import Mapping
from typing import Any

from sonic.provenance.c2pa.toolkit import MEDIA_TYPES
from sonic.verification.findings import Findings, text
from sonic.verification.labels import MIN_LIKENESS
from sonic.verification.local_records import subject_of
from sonic.verification.report import Layer
from sonic.verification.verdict import TAG_LABELS, facts_of_credentials, is_sealed, is_unread, says_ai

TITLES = {
    "credentials": "Content Credentials",
    "metadata": "AIGC metadata",
    "record": "record beside it",
    "log": "log of this machine",
    "watermark": "invisible watermark",
    "label": "visible label",
    "consent": "consent",
}
"""Layer -> its name for people, in the order in which they are told."""


def layers(found: Findings) -> tuple[Layer, ...]:
    """Every layer, in the order of TITLES."""
    tell = {
        "credentials": _credentials, "metadata": _metadata, "record": _record, "log": _log,
        "watermark": _watermark, "label": _label, "consent": _consent,
    }  # fmt: skip
    made = []
    for name, title in TITLES.items():
        if name in found.skipped:
            made.append(Layer(name, title, "not looked at", f"not looked at: {found.skipped[name]}", "", {}))
        else:
            state, what, proves, facts = tell[name](found)
            made.append(Layer(name, title, state, what, proves, facts))
    return tuple(made)


_Told = tuple[str, str, str, Mapping[str, Any]]


def _credentials(found: Findings) -> _Told:
    signed = found.credentials
    if signed is None:
        if found.kind not in MEDIA_TYPES:
            return "absent", f"none that can be read: a file of the kind {found.kind}", "", {}
        return "absent", "none in the file", "most programs drop them when they save a file anew", {}
    facts = facts_of_credentials(found)
    if is_unread(found):
        return "not looked at", f"not looked at: they were {text(signed.codes[0])}", "", facts
    who = _signer(found)
    if not signed.signature_ok:
        codes = ", ".join(text(code) for code in signed.codes) or "no reason given"
        return "broken", f"damaged or changed: {codes}", "nothing that they say counts", facts
    says = f"says: {'made or changed with AI' if says_ai(found) else 'nothing of AI'}, with {facts['made_with']}"
    when = _when(found)
    if not signed.content_ok:
        codes = ", ".join(text(code) for code in signed.codes) or "nothing binds them to this content"
        return (
            "broken",
            f"{who}; {says}{when}; the file does not fit: {codes}",
            "the file was changed or damaged after it was signed; how much, they do not tell",
            facts,
        )
    proves = "since it was signed not a byte that counts was changed; what they say is the signer's word"
    if found.n_outside:
        proves += (
            f"; {found.n_outside} bytes in boxes that players skip are not covered, and anybody can put them there"
        )
    if not (signed.ours or signed.trusted):
        proves += ", and anybody can make such a signature"
    return ("intact" if signed.ours or signed.trusted else "found"), f"{who}; {says}{when}; unchanged", proves, facts


def _signer(found: Findings) -> str:
    signed = found.credentials
    if signed is None:
        return ""
    name = text(signed.signer) or text(signed.issuer) or "no name"
    if signed.ours:
        return "signed with this machine's own key"
    if signed.trusted:
        return f"signed by {name}, whose certificate leads to your trust list"
    doubts = [text(code) for code in signed.codes if code.startswith("signingCredential") and "untrusted" not in code]
    return f'signed by somebody who is not known here and calls itself "{name}"' + "".join(f" ({d})" for d in doubts)


def _when(found: Findings) -> str:
    signed = found.credentials
    if signed is None or signed.signed_at is None:
        return ""
    whose = "an authority attests" if signed.time_attested else "its own clock says"
    return f", on {signed.signed_at:%Y-%m-%d %H:%M} UTC ({whose})"


def _metadata(found: Findings) -> _Told:
    tag = found.tag
    if tag is None:
        return "absent", "none", "it is lost when a file is saved anew by most programs", {}
    facts = {"place": tag.place, "fields": dict(tag.fields)}
    if tag.label not in TAG_LABELS:
        what = f"Label {tag.label!r}" if tag.fields else "not the JSON of the standard"
        return "broken", f"there, but it cannot be understood: {what}", "nothing", facts
    maker = tag.fields.get("ContentProducer") or "nobody"
    what = f"Label {tag.label}: {TAG_LABELS[tag.label]} AI-generated; producer {maker}; id {tag.produce_id or 'none'}"
    if propagator := tag.fields.get("ContentPropagator"):
        what += f"; propagated by {propagator}"
    if is_sealed(found) and found.kind == "MP4":
        return ("intact" if found.is_vouched else "found"), what, "it is part of what was signed", facts
    return "found", what, "anybody can write it; nothing here vouches for it", facts


def _record(found: Findings) -> _Told:
    beside = found.beside
    if beside is None:
        return "absent", "none beside it", "the record of out.mp4 is out.json; it may have been left behind", {}
    facts: dict[str, Any] = {"file": text(beside.name), "produce_id": beside.produce_id or None}
    if not beside.values:
        return "absent", f"{text(beside.name)} is no record of Sonic", "nothing", facts
    named = _names_of_record(found)
    facts |= {"names_this_file": beside.names_this_file, "named_by": named}
    whole = "this very file" if beside.names_this_file else "another state of the file"
    if not beside.names_this_file and not named:
        return "absent", f"{text(beside.name)} belongs to another video", "nothing about this one", facts
    what = f"{text(beside.name)} is of {whole}; " + (
        f"its digest is the one in {' and '.join(named)}" if named else "nothing in the file names it"
    )
    if "the credentials" in named and is_sealed(found):
        state = "intact" if found.is_vouched else "found"
        return state, what, "the signer vouches for this record, as it is", facts
    return "found", what, "anybody can write a record and the metadata that names it", facts


def _names_of_record(found: Findings) -> list[str]:
    """The layers of the file that hold the digest of the record beside it."""
    beside, signed = found.beside, found.credentials
    if beside is None or not beside.digest:
        return []
    named = []
    if signed is not None and signed.signature_ok and signed.made.get("record_sha256") == beside.digest:
        named.append("the credentials")
    if found.tag is not None and found.tag.record_sha256 == beside.digest:
        named.append("the AIGC metadata")
    return named


def _log(found: Findings) -> _Told:
    logged = found.logged
    if logged is None:
        return "absent", "knows nothing of it", "it may have been made on any other machine", {}
    facts_, entry = logged.entry.facts, logged.entry
    facts = {"entry": entry.n, "at": entry.at, "by": logged.by, "produce_id": facts_.get("produce_id"),
             "name": text(facts_.get("name")) or None, "log_problems": logged.n_problems}  # fmt: skip
    how = {"sha256": "this very file", "produce_id": "the id that it states", "watermark": "the id in its pixels"}
    what = f"entry {entry.n} of {entry.at} has {how[logged.by]}"
    if name := text(facts_.get("name")):
        what += f", made as {name}"
    if logged.unpublished:
        what += "; a later entry says that the file was not completed"
    if logged.n_problems:
        return "broken", what, f"little: the log itself has {logged.n_problems} faults, see: sonic log verify", facts
    proves = {
        "sha256": "this machine made this file, and not a byte was changed",
        "produce_id": "this machine made a video of this id; whether it is this one only signature or watermark tell",
        "watermark": "this machine made a video of this id; pixels were taken from it, or the mark was copied",
    }
    return "intact" if logged.by == "sha256" else "found", what, proves[logged.by], facts


def _watermark(found: Findings) -> _Told:
    mark = found.watermark
    if mark is None and found.faint:
        what = f"content id {found.signed_id[:12]}, too faint to be found without knowing it"
        return "found", what, "the pattern is public", {"content_id": found.signed_id[:12]}
    if mark is None:
        return "absent", "none found", "it may never have been there, or be too damaged", {}
    facts = {
        "content_id": found.watermark_id, "false_positive": mark.false_positive, "zoom": round(mark.zoom, 3),
        "mirrored": mark.mirrored, "frames": mark.n_frames,
    }  # fmt: skip
    shape = (
        [] if abs(mark.zoom - 1) < 0.02 else [f"cut or framed: {mark.zoom:.2f} times as large as in a whole picture"]
    )
    shape += ["left and right exchanged"] if mark.mirrored else []
    what = f"content id {found.watermark_id}" + "".join(f", {part}" for part in shape)
    proves = (
        f"an unmarked file gives one by chance with a probability below {mark.false_positive:.0e}; but the pattern is "
        "public, so anybody can put it on other pictures"
    )
    return "found", what, proves, facts


def _label(found: Findings) -> _Told:
    seen = found.label
    if seen is None or seen.best is None:
        return "not looked at", "not looked for: the picture is too small", "", {}
    facts: dict[str, Any] = {
        "likeness": round(seen.best.likeness, 3),
        "frames": seen.n_frames,
        "labelled": seen.n_labelled,
    }
    how = f"likeness {seen.best.likeness:.2f} of 1, at least {MIN_LIKENESS} counts"
    if not seen.n_labelled:
        return "absent", f"Sonic's own was not found ({how})", "labels of other tools are not looked for", facts
    of = f"on {seen.n_labelled} of {seen.n_frames} pictures that were looked at" if seen.n_frames > 1 else "there"
    facts |= {"box_px": list(seen.best.box_px)}
    return "found", f"Sonic's, {of} ({how})", "anybody can draw it", facts


def _consent(found: Findings) -> _Told:
    permission = found.permission
    if permission is None:
        return "absent", "none is named", "who is shown, and whether they allowed it, cannot be told from this file", {}
    kinds = [kind for kind, _ in permission.problems]
    facts: dict[str, Any] = {
        "named_by": permission.source, "id": permission.consent.id if permission.consent else None,
        "subject": text(subject_of(permission)) or None, "problems": kinds,
        "basis": text(permission.stated.get("basis")) or None,
        "expires_on": text(permission.stated.get("expires_on")) or None,
        "on_this_machine": permission.consent is not None,
    }  # fmt: skip
    basis = f"basis {facts['basis'] or 'unknown'}" + (f", until {facts['expires_on']}" if facts["expires_on"] else "")
    who = f"{facts['subject']}, {basis}" if facts["subject"] else basis
    what = f"{who}; named by the {permission.source}"
    told = "; ".join(message for _, message in permission.problems)
    if kinds:
        return "broken", f"{what}; does not hold today: {text(told, 400)}", "the video may have been made before", facts
    if permission.consent is None:
        what += "; the consent itself is not on this machine"
        return "found", what, "what is said of it cannot be checked here; ask for the consent file", facts
    is_nobody = facts["basis"] == "synthetic"
    claim = "that nobody real is shown" if is_nobody else "that the person agreed"
    what += "; the copy on this machine holds today"
    if not _is_named_by_who_knows(found, permission.source):
        return (
            "found",
            what,
            f"anybody can write that a video is made on it; {claim} is the word of whoever signed",
            facts,
        )
    return "intact", what, f"its words are those that were signed; {claim} is the word of whoever signed", facts


def _is_named_by_who_knows(found: Findings, source: str) -> bool:
    """Whether what names the consent is vouched for: a layer is no stronger than the one that vouches for it."""
    by_log = found.logged is not None and found.logged.by == "sha256" and not found.logged.n_problems
    return by_log or (source == "credentials" and found.is_vouched)
