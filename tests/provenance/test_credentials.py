"""Every video says what it is under a signature; a changed byte shows; a reader claims nothing that it cannot know."""

import http.server
import io
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import c2pa
import pytest
from certificate_files import own_files
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from signed_pictures import signed_picture, use
from small_videos import Job

from sonic.errors import MediaError, OutputError, SettingError
from sonic.pipeline.write import record_path
from sonic.provenance import certificates
from sonic.provenance.c2pa import credentials, signing, toolkit
from sonic.provenance.c2pa.claims import DISCLOSURE, TRAINING, consent_sha256
from sonic.provenance.c2pa.credentials import Credentials, read_credentials
from sonic.provenance.c2pa.jumbf import signer_certificate
from sonic.provenance.read_back import ReadBack
from sonic.provenance.signer import identity
from sonic.verification import verify

BOTH = ReadBack(label=True, watermark=True)


def read(path: Path) -> Credentials:
    found = read_credentials(path)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    return Job(folder).write(folder / "out.mp4")


def boxes(data: bytes) -> dict[str, tuple[int, int]]:
    """Name -> (start, end) of the boxes at the top of an MP4."""
    found, at = {}, 0
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        found[name.decode()] = (at, at + size)
        at += size
    return found


def aigc(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        values: dict[str, str] = json.loads(container.metadata["AIGC"])
    return values


def test_signature_and_metadata_both_read_back(video: Path) -> None:
    found, record = read(video), json.loads(record_path(video).read_text(encoding="utf-8"))
    assert (found.state, found.signature_ok, found.content_ok, found.ours) == ("valid", True, True, True)
    assert aigc(video) == record["aigc"]
    assert found.made["produce_id"] == aigc(video)["ProduceID"] == record["produce_id"]
    assert aigc(video)["ReservedCode1"] == f"sha256:{found.made['record_sha256']}"
    assert found.fingerprint == record["credentials"]["fingerprint"] == identity().fingerprint


def test_it_says_what_was_done_and_with_what(video: Path) -> None:
    found, record = read(video), json.loads(record_path(video).read_text(encoding="utf-8"))
    assert [action.name.removeprefix("c2pa.") for action in found.actions] == [
        "created", "placed", "placed", "edited", "addedText", "watermarked.bound",
    ]  # fmt: skip
    assert found.made_with == f"Sonic {record['made_with']['version']}"
    assert found.made["weights"] == [{"name": "motion.onnx", "sha256": "ef" * 32}]
    assert [(i.title, i.sha256, i.has_credentials) for i in found.ingredients] == [
        ("photo (PNG)", record["photo"]["sha256"], False), ("speech (WAV)", record["audio"]["sha256"], False),
    ]  # fmt: skip
    assert found.assertions[DISCLOSURE]["modelName"] == "Sonic engine light"
    assert {use["use"] for use in found.assertions[TRAINING]["entries"].values()} == {"notAllowed"}
    assert (
        found.assertions["c2pa.soft-binding"]["blocks"][0]["value"] == record["watermark"] == record["produce_id"][:12]
    )
    assert found.signed_at is not None
    assert f"{found.signed_at:%Y-%m-%dT%H:%M:%SZ}" == record["made_at"]


@pytest.mark.parametrize(
    ("basis", "source"),
    [("self", "compositeWithTrainedAlgorithmicMedia"), ("synthetic", "trainedAlgorithmicMedia")],
)
def test_a_portrait_of_nobody_is_all_synthetic(tmp_path: Path, basis: str, source: str) -> None:
    job = Job(tmp_path, basis=basis, duration_s=0.1)
    found = read(job.write(tmp_path / "out.mp4"))
    assert found.source_type == source
    assert found.consent == {
        "basis": basis, "given_on": "2026-01-02", "sha256": consent_sha256(job.record.consent),
    }  # fmt: skip


def test_no_person_and_no_file_is_named(tmp_path: Path) -> None:
    photo = tmp_path / "Ada Example.png"
    Image.new("RGB", (64, 64)).save(photo)
    data = Job(tmp_path, photo_file=photo, duration_s=0.1).write(tmp_path / "out.mp4").read_bytes()
    for text in ("Ada", "form 17", "speech.wav", tmp_path.name, str(tmp_path), os.path.expanduser("~")):
        assert text.encode() not in data, text


def test_a_consent_cannot_be_guessed_from_its_hash(tmp_path: Path) -> None:
    one, other = (Job(tmp_path, duration_s=0.1).record.consent for _ in range(2))
    assert one.id == other.id
    assert consent_sha256(one) != consent_sha256(other)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.sampled_from(["moov", "mdat"]), place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_changed_bit_shows(video: Path, tmp_path: Path, part: str, place: int, bit: int) -> None:
    data = bytearray(video.read_bytes())
    start, end = boxes(data)[part]
    data[start + 8 + place % (end - start - 8)] ^= 1 << bit
    (tmp_path / "changed.mp4").write_bytes(data)
    found = read_credentials(tmp_path / "changed.mp4")
    assert found is None or (found.state, found.content_ok) == ("invalid", False)


def test_tampering_is_named(video: Path, tmp_path: Path) -> None:
    for old, new in ((b"ProduceID", b"ProduceIX"), (b"AIGC", b"AIGX")):
        (tmp_path / "changed.mp4").write_bytes(video.read_bytes().replace(old, new, 1))
        found = read(tmp_path / "changed.mp4")
        assert "assertion.bmffHash.mismatch" in found.codes
        assert (found.state, found.signature_ok, found.content_ok) == ("invalid", True, False)


def test_changed_words_break_the_signature(video: Path, tmp_path: Path) -> None:
    data = video.read_bytes()
    for old, new in ((b"compositeWithTrained", b"compositeWithDrained"), (b"ef" * 20, b"ee" * 20)):
        assert data.count(old) == 1
        (tmp_path / "changed.mp4").write_bytes(data.replace(old, new))
        found = read(tmp_path / "changed.mp4")
        assert (found.state, found.signature_ok, found.ours, found.fingerprint) == ("invalid", False, False, None)


def test_a_local_key_is_nobody_that_is_known(video: Path) -> None:
    found = read(video)
    assert not found.trusted
    assert not found.time_attested
    assert found.codes == ("signingCredential.untrusted",)
    assert "identity not verified" in str(found.issuer)


def test_another_machine_knows_the_key_but_not_as_its_own(home: Path, video: Path) -> None:
    found = read(video)
    assert found.fingerprint is not None
    assert (found.state, found.ours) == ("valid", False)
    assert not home.exists(), "reading makes no key"


def test_a_copied_name_is_not_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: Path) -> None:
    forger = use(monkeypatch, *own_files(tmp_path / "forger", signer=identity().name))
    out = Job(tmp_path, duration_s=0.1).write(tmp_path / "out.mp4")
    assert read(out).ours
    monkeypatch.delenv("SONIC_SIGN_CERT")
    monkeypatch.delenv("SONIC_SIGN_KEY")
    found = read(out)
    assert found.signer == read(video).signer
    assert (found.ours, found.fingerprint) == (False, forger.fingerprint)


def test_an_own_certificate_is_trusted_by_who_lists_its_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = own_files(tmp_path / "own")
    signer = use(monkeypatch, certificate, key)
    out = Job(tmp_path, duration_s=0.1).write(tmp_path / "out.mp4")
    facts = json.loads(record_path(out).read_text(encoding="utf-8"))["credentials"]
    assert facts == {
        "signer": "Example Studio", "fingerprint": signer.fingerprint, "certificate": "own", "timestamp": None,
    }  # fmt: skip
    assert (read(out).trusted, read(out).signer) == (False, "Example Studio")
    authority = tmp_path / "authority.pem"
    authority.write_text("-----BEGIN" + certificate.read_text().split("-----BEGIN")[2])
    monkeypatch.setenv("SONIC_TRUST_LIST", str(authority))
    assert (read(out).trusted, read(out).issuer) == (True, "Example Studio Ltd")
    authority.write_text("no certificate")
    with pytest.raises(SettingError, match="no certificates in PEM"):
        read_credentials(out)


@pytest.mark.parametrize("days", [(-9, -1), (1, 9)])
def test_a_certificate_that_is_not_valid_now_signs_nothing(tmp_path: Path, days: tuple[int, int]) -> None:
    certificate, key = own_files(tmp_path / "own", starts_days=days[0], ends_days=days[1])
    private = certificates._private_key(key.read_bytes())
    chain = certificates.x509.load_pem_x509_certificates(certificate.read_bytes())
    signer, job = certificates._identity("own", private, chain, None), Job(tmp_path)
    (tmp_path / "in.mp4").write_bytes(Job(tmp_path).write(tmp_path / "out.mp4").read_bytes())
    with pytest.raises(OutputError, match="Content Credentials cannot be written") as caught:
        signing.sign(
            tmp_path / "in.mp4", tmp_path / "signed.mp4", record=job.record, marks=BOTH,
            photo_file=job.photo_file, title="x", signer=signer, on_notice=print,
        )  # fmt: skip
    assert "\n" not in str(caught.value)


def test_a_photo_brings_its_own_credentials_along(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(signed_picture("png", identity()))
    job = Job(tmp_path, photo_file=photo, duration_s=0.1)
    found = read(job.write(tmp_path / "out.mp4"))
    assert [one.has_credentials for one in found.ingredients] == [True, False]
    assert (found.state, found.made_with, job.notices) == ("valid", "Sonic 0.1.0", [])


def test_an_input_that_cannot_be_read_is_named_by_its_hash(tmp_path: Path) -> None:
    damaged = bytearray(signed_picture("png", identity()))
    damaged[damaged.find(b"jumb") - 1] ^= 255
    bitmap = io.BytesIO()
    Image.new("RGB", (64, 64)).save(bitmap, "bmp")
    for data in (bytes(damaged), bitmap.getvalue(), None):
        photo = tmp_path / "photo"
        photo.unlink(missing_ok=True)
        if data is not None:
            photo.write_bytes(data)
        job = Job(tmp_path, photo_file=photo, duration_s=0.1)
        found = read(job.write(tmp_path / "out.mp4"))
        assert (found.state, found.ingredients[0].sha256) == ("valid", job.record.photo_sha256)
        assert [line.split(",")[0] for line in job.notices] == ["the photo is named by its hash alone"]


def test_without_its_authority_a_video_is_finished_without_an_attested_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SONIC_TIMESTAMP_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/")
        job, start = Job(tmp_path, duration_s=0.1), time.monotonic()
        out = job.write(tmp_path / "out.mp4")
        assert time.monotonic() - start < 10
    assert read(out).state == "valid"
    assert json.loads(record_path(out).read_text(encoding="utf-8"))["credentials"]["timestamp"] is None
    assert [line.split(":")[0] for line in job.notices] == ["nobody attests the time of the signature"]


@contextmanager
def authority(folder: Path, digest: str = "sha256") -> Iterator[str]:
    """A time-stamping authority that nobody trusts; its address."""
    openssl = shutil.which("openssl") or pytest.skip("needs openssl")
    own_files(folder, signer="Example Time", purpose=ExtendedKeyUsageOID.TIME_STAMPING)
    (folder / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\nsigner_cert=chain.pem\nsigner_key=own.key\ncerts=chain.pem\n"
        f"signer_digest={digest}\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\n"
    )

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            reply = [openssl, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
            subprocess.run(reply, cwd=folder, check=True, capture_output=True)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write((folder / "reply").read_bytes())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_time_is_only_as_good_as_its_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tsa").mkdir()
    with authority(tmp_path / "tsa") as address:
        monkeypatch.setenv("SONIC_TIMESTAMP_URL", address)
        job = Job(tmp_path, duration_s=0.1)
        out = job.write(tmp_path / "out.mp4")
    assert job.notices == []
    assert json.loads(record_path(out).read_text(encoding="utf-8"))["credentials"]["timestamp"] == address
    found = read(out)
    assert (found.state, found.time_attested) == ("valid", False), "nobody vouches for this authority"


def test_a_trusted_authority_attests_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tsa").mkdir()
    with authority(tmp_path / "tsa") as address:
        monkeypatch.setenv("SONIC_TIMESTAMP_URL", address)
        out = Job(tmp_path, duration_s=0.1).write(tmp_path / "out.mp4")
    monkeypatch.delenv("SONIC_TIMESTAMP_URL")
    monkeypatch.setenv("SONIC_TRUST_LIST", str(tmp_path / "tsa" / "chain.pem"))
    found = read(out)
    assert (found.state, found.time_attested, found.trusted) == ("valid", True, False)
    assert found.signed_at is not None and abs(found.signed_at.timestamp() - time.time()) < 60
    shown = verify(out, longest_s=0).layer("credentials")
    assert shown.facts["time_attested"] is True and "an authority attests" in shown.found
    own_files(tmp_path / "other", signer="Example Time", purpose=ExtendedKeyUsageOID.TIME_STAMPING)
    monkeypatch.setenv("SONIC_TRUST_LIST", str(tmp_path / "other" / "chain.pem"))
    assert read(out).time_attested is False, "another authority that has the same name"


def test_an_authority_that_spoils_the_signature_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tsa").mkdir()
    with authority(tmp_path / "tsa", digest="sha1") as address:
        monkeypatch.setenv("SONIC_TIMESTAMP_URL", address)
        job = Job(tmp_path, duration_s=0.1)
        out = job.write(tmp_path / "out.mp4")
    assert (len(job.notices), read(out).state) == (1, "valid")


def test_long_videos_are_hashed_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "WHOLE_HASH_BYTES", 0)
    monkeypatch.setattr(signing, "BLOCK_KB", 1)
    out = Job(tmp_path).write(tmp_path / "out.mp4")
    assert (read(out).state, read(out).content_ok) == ("valid", True)
    data = bytearray(out.read_bytes())
    data[boxes(data)["mdat"][1] - 1] ^= 1
    (tmp_path / "changed.mp4").write_bytes(data)
    found = read(tmp_path / "changed.mp4")
    assert (found.state, found.content_ok) == ("invalid", False)
    assert "assertion.bmffHash.mismatch" in found.codes


PEAK = """
import sys
from pathlib import Path
from small_videos import Job
from sonic.provenance.c2pa.credentials import read_credentials
from sonic.provenance.read_back import ReadBack
from sonic.provenance.signer import identity
from sonic.provenance.c2pa.signing import sign
def peak_kb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
folder = Path(sys.argv[1])
job = Job(folder, duration_s=0.1)
small, large, signed = job.write(folder / "small.mp4"), folder / "large.mp4", folder / "signed.mp4"
def embed(video):
    rest = {"photo_file": job.photo_file, "title": "x", "signer": identity(), "on_notice": print}
    sign(video, signed, record=job.record, marks=ReadBack(label=True, watermark=True), **rest)
    found = read_credentials(signed)
    assert found.content_ok, found
embed(small)
before = peak_kb()
data = small.read_bytes()
box = data.rindex(b"mdat") - 4
with large.open("wb") as file:
    file.write(data[:box] + (len(data) - box + 60_000_000).to_bytes(4) + data[box + 4:])
    file.truncate(file.tell() + 60_000_000)
embed(large)
print(peak_kb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PEAK, str(tmp_path)]
    places = (str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 40_000, "KB more for 60 MB"


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "gif"])
def test_files_of_other_tools_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"  # the content decides, not the name
    path.write_bytes(signed_picture(kind, identity()))
    found = read(path)
    assert (found.state, found.made_with, found.source_type) == ("valid", "Other Tool 2.0", "digitalCapture")
    assert (found.made, found.consent, found.ours) == ({}, {}, True)
    plain = io.BytesIO()
    Image.new("RGB", (64, 64)).save(plain, kind)
    path.write_bytes(plain.getvalue())
    assert read_credentials(path) is None


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:dcterms="http://purl.org/dc/terms/" {}/></rdf:RDF></x:xmpmeta>'
)
HOSTILE = {
    "empty": b"",
    "text": b"hello\n",
    "random": bytes(range(256)) * 20,
    "cut PNG": b"\x89PNG\r\n\x1a\n\x00\x00",
    "cut MP4": b"\x00\x00\x00\x18ftypmp42",
    "huge box": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\xff\xff\xff\xffmoov",
    "huge 64-bit box": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x01uuid" + b"\x7f" + b"\xff" * 7,
    "endless RIFF": b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
    "playlist": b"#EXTM3U\nhttp://example.org/a.mp3\n",
    "PDF": b"%PDF-1.4\n" + b"x" * 99,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_media_has_no_credentials(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert read_credentials(tmp_path / "file") is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_state_and_never_a_crash(video: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = video.read_bytes()
    end = boxes(whole)["moov"][0]
    place, length = data.draw(st.integers(0, end)), data.draw(st.integers(0, 64))
    junk = data.draw(st.binary(max_size=64))
    damaged = whole[:place] + junk + whole[place + length :]
    if data.draw(st.booleans()):
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    (tmp_path / "damaged").write_bytes(damaged)
    found = read_credentials(tmp_path / "damaged")
    assert found is None or found.state in ("valid", "invalid")
    if found is not None and found.ours:
        assert found.signature_ok


@given(store=st.binary(max_size=300))
def test_a_signer_is_not_found_in_junk(store: bytes) -> None:
    assert signer_certificate(store, "urn:c2pa:x") is None
    assert signer_certificate(b"\x00\x00\x00\x00jumb" + store, "urn:c2pa:x") is None


def test_a_file_that_takes_too_long_is_given_up(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_report", lambda *_: time.sleep(1))
    start = time.monotonic()
    found = read_credentials(video, longest_s=0.1)
    assert found is not None
    assert (found.state, found.codes) == ("invalid", ("not ready within 0.1 s",))
    assert time.monotonic() - start < 0.9


@contextmanager
def visitors() -> Iterator[tuple[str, list[None]]]:
    """An address of this machine, and who came."""
    came: list[None] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)

        def listen() -> None:
            with suppress(OSError):
                came.append(server.accept()[0].close())

        listener = threading.Thread(target=listen)
        listener.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/manifest.c2pa", came
        listener.join()


def test_ctrl_c_is_heard_while_the_library_works() -> None:
    start = time.monotonic()
    threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        toolkit.call(lambda: time.sleep(3))
    assert time.monotonic() - start < 2


def test_nothing_is_fetched(tmp_path: Path) -> None:
    for reader in (lambda path: c2pa.Reader(str(path)), read_credentials):
        with visitors() as (address, came):
            packet = XMP.format(f'dcterms:provenance="{address}"')
            Image.new("RGB", (64, 64)).save(tmp_path / "remote.jpg", xmp=packet.encode())
            with suppress(c2pa.C2paError):
                assert reader(tmp_path / "remote.jpg") is None
        assert len(came) == (reader is not read_credentials), "the library alone would ask"


@pytest.mark.parametrize("name", ["absent.mp4", "nul\0.mp4"])
def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="cannot be read"):
        read_credentials(tmp_path / name)
