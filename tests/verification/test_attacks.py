"""What somebody adds to a file or lays beside it proves no more than the layer that vouches for it."""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import c2pa
import pytest
from certificate_files import own_files
from signed_pictures import use
from small_videos import PORTRAIT, Job

from sonic import demo
from sonic.pipeline.write import record_path
from sonic.provenance.consent import Consent, store
from sonic.provenance.signer import exposed_keys, identity
from sonic.verification import verify

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.verification.pixels.Clock.passed", lambda clock, pictures: iter(()))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    return Job(folder, size_px=(160, 160)).write(folder / "out.mp4")


def forged_record(path: Path, **consent: Any) -> None:
    """A record, by hand, that names this file and a consent."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    values = {"record": "sonic/1", "produce_id": "0" * 32, "consent": consent, "video": {"sha256": sha256}}
    record_path(path).write_text(json.dumps(values))


def test_a_forged_record_beside_a_real_photo_marks_nothing(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(PORTRAIT.read_bytes())
    forged_record(photo, id="1" * 64, subject="Ada", basis="self")
    found = verify(photo)
    assert (found.verdict, found.states_ai) == ("nothing", False)
    assert (found.layer("record").state, found.layer("consent").state) == ("absent", "absent")


def test_a_forged_record_lends_no_consent_its_strength(video: Path, home: Path, tmp_path: Path) -> None:
    given = store.keep(demo.consent().signed(identity()))
    film = tmp_path / "film.mp4"
    film.write_bytes(video.read_bytes().replace(b"jumb", b"jumx"))  # no credentials of ours are left
    forged_record(film, id=given.id, subject="Ada", basis="self")
    found = verify(film)
    assert found.layer("record").state == found.layer("consent").state == "found"
    assert "anybody can write that a video is made on it" in found.layer("consent").proves


def test_what_a_stranger_signed_is_no_stronger_than_the_stranger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = own_files(tmp_path / "own")
    with monkeypatch.context() as patch:
        use(patch, chain, key)
        theirs = Job(tmp_path, size_px=(160, 160)).write(tmp_path / "out.mp4")
    found = verify(theirs)
    assert found.verdict == "unknown signer"
    assert {found.layer(name).state for name in ("credentials", "metadata", "record")} == {"found"}
    monkeypatch.setenv("SONIC_TRUST_LIST", str(chain))
    found = verify(theirs)
    assert found.verdict == "intact"
    assert {found.layer(name).state for name in ("credentials", "metadata", "record")} == {"intact"}


@pytest.mark.parametrize(("box", "n_bytes"), [(b"free", 8), (b"skip", 5000), (b"free", 0)])
def test_bytes_outside_of_what_was_signed_are_said(box: bytes, n_bytes: int, video: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.mp4"
    more.write_bytes(video.read_bytes() + (8 + n_bytes).to_bytes(4) + box + bytes(n_bytes))
    found = verify(more)
    assert found.verdict == "intact" and found.layer("credentials").facts["bytes_not_covered"] == n_bytes
    assert (f"{n_bytes} bytes in boxes that players skip are not covered" in found.layer("credentials").proves) == (
        n_bytes > 0
    )


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_key_that_others_can_read_is_said(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity()
    assert exposed_keys() == ()
    (home / "keys" / "leaf.key").chmod(0o644)
    (line,) = exposed_keys()
    assert "leaf.key" in line and "chmod 600" in line
    chain, key = own_files(tmp_path / "own")
    key.chmod(0o640)
    use(monkeypatch, chain, key)
    assert "own.key" in exposed_keys()[0]


def alone(video: Path, **settings: Any) -> tuple[str, set[str]]:
    """(state, failures) in the words of the C2PA library alone, without anything of ours."""
    context = c2pa.Context.from_dict(settings) if settings else None
    with c2pa.Reader("video/mp4", io.BytesIO(video.read_bytes()), context=context) as reader:
        report = json.loads(reader.json())
    failures = report["validation_results"]["activeManifest"].get("failure", [])
    return report["validation_state"], {one["code"] for one in failures}


def test_an_independent_reader_finds_what_we_say(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As c2patool documents its states: Valid where only the signer is unknown, Trusted with its anchor, or Invalid."""
    assert alone(video) == ("Valid", {"signingCredential.untrusted"})
    data = bytearray(video.read_bytes())
    data[-1] ^= 1
    (tmp_path / "changed.mp4").write_bytes(data)
    state, failures = alone(tmp_path / "changed.mp4")
    assert state == "Invalid" and "assertion.bmffHash.mismatch" in failures
    chain, key = own_files(tmp_path / "own")
    use(monkeypatch, chain, key)
    theirs = Job(tmp_path, size_px=(160, 160)).write(tmp_path / "theirs.mp4")
    assert alone(theirs) == ("Valid", {"signingCredential.untrusted"})
    assert alone(theirs, trust={"user_anchors": chain.read_text()}) == ("Trusted", set())
    monkeypatch.setenv("SONIC_TRUST_LIST", str(chain))
    assert verify(theirs).layer("credentials").facts["trusted"] is True
    other, _ = own_files(tmp_path / "other")
    monkeypatch.setenv("SONIC_TRUST_LIST", str(other))
    assert verify(theirs).layer("credentials").facts["trusted"] is False, "another authority of the same name"


def test_the_consent_of_a_log_entry_of_this_very_file_is_vouched_for(home: Path, tmp_path: Path) -> None:
    job = Job(tmp_path, size_px=(160, 160))
    given: Consent = store.keep(job.record.consent)
    video = job.write(tmp_path / "out.mp4")
    found = verify(video).layer("consent")
    assert (found.state, found.facts["id"]) == ("intact", given.id)
