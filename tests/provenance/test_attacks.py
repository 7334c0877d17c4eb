"""What an attacker with access to this user's files tries on log, consents and revocations, and what is said of it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_videos import PHOTO, Job

from sonic.errors import ConsentError, OutputError
from sonic.pipeline.preflight import request_permit
from sonic.provenance import audit
from sonic.provenance.audit import chain, head
from sonic.provenance.consent import Consent, revocation, store
from sonic.provenance.consent.check import authorise, problems
from sonic.provenance.consent.crosscheck import faults
from sonic.provenance.policy import Policy
from sonic.provenance.signer import identity
from sonic.settings import Settings
from sonic.types import Photo
from sonic.verification import Verification, verify

TODAY = date.today()
ADA = Consent(subject="Ada Example", basis="self", given_on=TODAY)


def used(consent: Consent, photo: Photo = PHOTO) -> Consent:
    return authorise(consent, photo, language=None, purpose=None, policy=Policy(), signer=identity())


def told() -> str:
    return " | ".join((*audit.verify().problems, *faults()[0]))


@pytest.fixture
def pair(home: Path) -> Path:
    """A home whose log has a consent and three more lines."""
    given = used(ADA)
    for number in range(3):
        audit.append("stream", {"produce_id": f"{number}" * 32, "consent": given.id})
    assert told() == ""
    return home


def cut(home: Path, keep: int) -> None:
    lines = (home / "audit.jsonl").read_bytes().splitlines(keepends=True)
    (home / "audit.jsonl").write_bytes(b"".join(lines[:keep]))


def last_as_head(home: Path, **changes: Any) -> None:
    """What an attacker without the key can write: number and hash of what is left."""
    last = chain.last()
    values = json.loads((home / "audit.head").read_bytes()) | {"n": last.n if last else 0}
    values["hash"] = last.hash if last else head.GENESIS
    (home / "audit.head").write_text(json.dumps(values | changes))


HEADS: dict[str, tuple[Callable[[Path], object], str]] = {
    "kept": (lambda home: None, r"entries 3 to 4 missing"),
    "deleted": (lambda home: (home / "audit.head").unlink(), "head of the log is missing"),
    "rewritten": (last_as_head, "not sealed by this machine's key"),
    "unsigned": (lambda home: last_as_head(home, signature=None), "not sealed by this machine's key"),
    "rubbish": (lambda home: (home / "audit.head").write_bytes(b"[" * 9999), "cannot be read"),
    "a pipe": (lambda home: ((home / "audit.head").unlink(), os.mkfifo(home / "audit.head")), "cannot be read"),
}


@pytest.mark.parametrize("what", HEADS)
def test_a_cut_tail_is_missed_whatever_becomes_of_the_head(what: str, pair: Path) -> None:
    if what == "a pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    cut(pair, 2)
    HEADS[what][0](pair)
    assert audit.verify().problems and HEADS[what][1] in told()
    audit.append("consent", {"consent": "a" * 64})
    assert any("found when the log went on" in line for line in audit.verify().problems), "it stays visible"


@pytest.mark.parametrize("gone", [("audit.jsonl",), ("audit.jsonl", "audit.head"), ("audit.head",)])
def test_an_emptied_or_removed_log_is_missed(gone: tuple[str, ...], pair: Path) -> None:
    for name in gone:
        (pair / name).unlink()
    assert "missing" in told()
    if "audit.jsonl" in gone:
        assert f"consent {next(store.kept()).id[:12]} lies here" in told()


def test_lines_that_were_added_without_the_key_are_not_sealed(pair: Path) -> None:
    last = chain.last()
    assert last
    for n in (last.n + 1, last.n + 2):
        bare = chain.Entry(n, last.at, "stream", {"produce_id": "f" * 32}, last.hash, "")
        last = replace(bare, hash=chain.entry_hash(bare))
        with (pair / "audit.jsonl").open("a") as log:
            log.write(json.dumps(last.to_dict()) + "\n")
    assert "entries from 5 on are not sealed" in told()


def test_a_new_key_after_a_leak_is_an_entry_and_no_alarm(pair: Path) -> None:
    shutil.rmtree(pair / "keys")
    identity()
    assert [e.kind for e in audit.entries()][-1] == "key" and audit.verify().problems == ()


def made(folder: Path, **options: Any) -> tuple[Path, Job]:
    job = Job(folder, size_px=(160, 160), duration_s=0.2, **options)
    return job.write(folder / "out.mp4"), job


def conflict(video: Path) -> Verification:
    found = verify(video)
    assert (found.verdict, found.exit_code) == ("contradictory", 15)
    return found


def test_a_video_that_was_cut_out_of_the_log_is_a_contradiction(pair: Path, tmp_path: Path) -> None:
    video, _ = made(tmp_path)
    assert verify(video).verdict == "intact"
    cut(pair, 4)
    (pair / "audit.head").unlink()
    assert "log has no entry of it" in conflict(video).conflicts[0]


def test_a_log_that_was_made_anew_with_the_key_does_not_fit_the_videos(pair: Path, tmp_path: Path) -> None:
    """Who can use the key can seal another log; the video has the hash of a line that this one lacks."""
    video, _ = made(tmp_path)
    facts = [e.facts for e in audit.entries() if e.kind == "video"]
    for name in ("audit.jsonl", "audit.head"):
        (pair / name).unlink()
    with chain.opened() as log:
        log.begin()
    audit.append("video", facts[0])
    assert "made after an entry that this machine's log does not have" in conflict(video).conflicts[0]


def test_another_machines_video_is_no_contradiction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, _ = made(tmp_path)
    monkeypatch.setenv("SONIC_HOME", str(tmp_path / "other"))
    assert verify(video).verdict == "unknown signer"


@pytest.mark.parametrize("what", ["file", "file and copy", "log line"])
def test_a_revocation_is_not_undone_by_removing_it(what: str, home: Path) -> None:
    given = used(ADA)
    revocation.revoke(given)
    if what == "log line":
        (home / "audit.jsonl").unlink()
        (home / "audit.head").unlink()
        assert "revoked here, and no entry says so" in told()
    else:
        (home / "consents" / f"{given.id}.revoked.json").unlink()
        assert "the revocation was removed; it holds all the same" in told()
    if what == "file and copy":
        (home / "consents" / f"{given.id}.json").unlink()
    for again in (given, ADA):
        with pytest.raises(ConsentError, match=r"revoked .*on \d{4}.* by the key [0-9a-f]{12}"):
            used(again)


@pytest.mark.parametrize(
    "changes",
    [
        {"given_on": TODAY - timedelta(days=30)}, {"subject": " ada  EXAMPLE "}, {"languages": ("en",)},
        {"basis": "licensed", "evidence": "form 17"}, {"confirmed_at": "2026-01-01T00:00:00Z"},
        {"given_on": TODAY - timedelta(days=30), "confirmed_at": "2099-01-01T00:00:00Z"},
    ],
)  # fmt: skip
def test_other_words_about_the_same_photo_and_subject_do_not_undo_it(changes: dict[str, Any], home: Path) -> None:
    revocation.revoke(used(ADA))
    with pytest.raises(ConsentError, match="revoked with an earlier one for the same photo and subject"):
        used(replace(ADA, **changes))
    used(replace(ADA, subject="Bob Example"))
    used(replace(ADA, confirmed_at="2099-01-01T00:00:00Z"))


def test_a_copy_of_the_photo_does_not_undo_it(home: Path) -> None:
    coarse = np.random.default_rng(1).integers(0, 256, (12, 12, 3), np.uint8)
    photo = Photo(np.kron(coarse, np.ones((16, 16, 1), np.uint8)), "01" * 32, "1.png")
    smaller = Photo(np.ascontiguousarray(photo.rgb[::2, ::2]), "02" * 32, "2.png")
    revocation.revoke(used(ADA, photo))
    with pytest.raises(ConsentError, match="same photo and subject"):
        used(ADA, smaller)


def test_verify_says_who_revoked_when(home: Path, tmp_path: Path) -> None:
    job = Job(tmp_path, size_px=(160, 160), duration_s=0.2)
    job.record = replace(job.record, consent=used(ADA))
    video = job.write(tmp_path / "out.mp4")
    at = revocation.revoke(job.record.consent)
    for path in (home / "consents").iterdir():
        path.unlink()
    found = verify(video).layer("consent")
    assert (found.state, found.facts["problems"]) == ("broken", ["revoked"])
    assert f"{at} by the key {identity().fingerprint[:12]}" in found.found


FIRST_USE = """
import sys
from datetime import date
import numpy as np
from sonic.provenance.consent import Consent
from sonic.provenance.consent.check import authorise
from sonic.provenance.policy import Policy
from sonic.provenance.signer import identity
from sonic.types import Photo
sys.stdin.readline()
photo = Photo(np.zeros((8, 8, 3), np.uint8), "ab" * 32, "p.png")
consent = Consent(subject="Ada", basis="self", given_on=date(2026, 1, 2))
used = authorise(consent, photo, language=None, purpose=None, policy=Policy(), signer=identity())
print(used.signature.value, used.signer())
"""


def test_many_processes_at_first_use_work_on_one_consent(home: Path) -> None:
    command = [sys.executable, "-c", FIRST_USE]
    running = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(8)]
    for process in running:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    printed = {process.communicate(timeout=60)[0].strip() for process in running}
    (kept,) = store.kept()
    assert kept.signature and printed == {f"{kept.signature.value} {identity().fingerprint}"}
    assert [e.kind for e in audit.entries()] == ["consent"] and told() == ""


def test_a_consent_that_was_put_there_or_taken_away_is_missed(home: Path) -> None:
    given = used(ADA)
    audit.append("video", {"consent": given.id})
    bob = replace(ADA, subject="Bob").bound_to(PHOTO).signed(identity())
    store.write_private(store.folder() / f"{bob.id}.json", bob.to_json())
    assert told() == f"consent {bob.id[:12]} lies here, and no entry says that it was given"
    (store.folder() / f"{bob.id}.json").unlink()
    (store.folder() / f"{given.id}.json").unlink()
    assert told() == f"consent {given.id[:12]} of entry 2 was used, and its copy was removed or changed"


def test_a_clock_that_was_set_back_does_not_revive_a_consent(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.append("consent", {})
    ended = TODAY - timedelta(days=1)
    given = replace(ADA, given_on=ended, expires_on=ended, photo_sha256=PHOTO.sha256).signed(identity())

    class SetBack(date):
        @classmethod
        def today(cls) -> date:  # type: ignore[override]
            return ended

    monkeypatch.setattr("sonic.provenance.consent.check.date", SetBack)
    (found,) = problems(given, policy=Policy())
    assert found.kind == "expired" and f"the clock says {ended}, the last entry" in found.message


@pytest.mark.parametrize("at", ["1970-01-01T00:00:01Z", "2040-01-01T00:00:00Z"])
def test_lines_of_a_wrong_clock_are_remarked(at: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.append("consent", {})
    with monkeypatch.context() as patch:
        patch.setattr(chain, "_now", lambda: at)
        audit.append("consent", {})
    audit.append("consent", {})
    found = audit.verify()
    assert found.problems == () and any(f"is of {at}" in line or f"before it of {at}" in line for line in found.notices)


def test_an_unreadable_head_folder_does_not_hang_or_crash(home: Path) -> None:
    audit.append("consent", {})
    (home / "audit.head").unlink()
    (home / "audit.head").mkdir()
    assert "cannot be read" in told()
    with pytest.raises(OutputError):
        audit.append("consent", {})


def change_last(home: Path, **changes: Any) -> None:
    *before, last = (home / "audit.jsonl").read_text().splitlines()
    (home / "audit.jsonl").write_text("\n".join([*before, json.dumps(json.loads(last) | changes)]) + "\n")


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "\ud800", "9" * 5000])
def test_a_line_of_a_time_that_no_calendar_has_is_a_problem_and_no_crash(at: str, pair: Path) -> None:
    change_last(pair, at=at)
    assert "was changed" in told()
    assert not problems(next(store.kept()), policy=Policy()), "and the clock counts"


@pytest.mark.parametrize("id_", [["1"], {"1": 1}, None, 10**30])
def test_a_line_that_was_changed_to_hold_anything_is_no_crash(id_: Any, pair: Path, tmp_path: Path) -> None:
    video = Job(tmp_path, size_px=(160, 160)).write(tmp_path / "out.mp4")
    audit.append("unpublished", {"produce_id": "1" * 32})
    change_last(pair, facts={"produce_id": id_, "consent": id_, "video_sha256": id_})
    assert "was changed" in told()
    assert verify(video, longest_s=0).layer("log").state == "broken", "there are problems in it"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_log_that_is_a_pipe_is_not_waited_for(home: Path) -> None:
    home.mkdir(exist_ok=True)
    os.mkfifo(home / "audit.jsonl")
    with pytest.raises(OutputError, match="cannot be read"):
        audit.last()
    with pytest.raises(OutputError, match="cannot be read"):
        list(audit.entries())


class Forgiving(Consent):
    """A consent that answers for itself."""

    def is_signed(self) -> bool:
        return True

    def face_problem(self, photo: Any, face: Any) -> None:
        return None

    def photo_problem(self, photo: Any) -> None:
        return None


def test_a_consent_of_a_class_of_its_own_is_none(home: Path, tmp_path: Path) -> None:
    """It could say of itself that it is for this photo and this face."""
    with pytest.raises(ConsentError, match=r"give a sonic\.Consent"):
        used(Forgiving(subject="Ada Example", basis="self", photo_sha256="0" * 64))
    with pytest.raises(ConsentError, match=r"give a sonic\.Consent"):
        request_permit(Forgiving(subject="Ada Example", basis="self"), Settings())
