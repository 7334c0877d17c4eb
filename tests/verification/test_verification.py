"""sonic verify: what survives is found, what does not fit is said, and nothing is claimed that is not known."""

import dataclasses
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import matplotlib
import numpy as np
import pytest
from certificate_files import own_files
from edited_videos import EDITS, KEEP_TAGS, OTHERS_TAG, as_mkv, encoded, of_another_tool, portrait_frames, stripped
from PIL import Image, PngImagePlugin
from signed_pictures import signed_picture, use
from small_videos import PHOTO, PORTRAIT, Job, save_sound, tone

import sonic
from sonic.apps.cli.main import main
from sonic.errors import MediaError
from sonic.pipeline.mark import blend, premultiplied
from sonic.pipeline.write import record_path
from sonic.provenance.consent import Consent, revocation, store
from sonic.provenance.keys import home as home_folder
from sonic.provenance.label import label_pixels
from sonic.provenance.signer import identity
from sonic.verification import MAX_BYTES, VERDICTS, Verification, verify
from sonic.verification.findings import text
from sonic.verification.labels import MIN_LIKENESS, find_label
from sonic.verification.metadata import parsed
from sonic.verification.report import STATES

SIZE = (256, 320)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("video")
    # Always the same id: one in thirty is lost when so small a picture is cropped, which is no matter of these tests.
    job = Job(folder, size_px=SIZE, draw=portrait_frames(SIZE), produce_id="c4ca4238a0b923820dcc509a6f75849b")
    return job.write(folder / "out.mp4")


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of other layers: no time is left for pictures."""
    monkeypatch.setattr("sonic.verification.pixels.Clock.passed", lambda clock, pictures: iter(()))


def states(found: Verification) -> dict[str, str]:
    return {layer.name: layer.state for layer in found.layers}


def test_a_video_as_it_was_made(video: Path) -> None:
    found = sonic.verify(video)
    assert (found.verdict, found.exit_code, found.states_ai, found.conflicts) == ("intact", 0, True, ())
    assert states(found) == {
        "credentials": "intact", "metadata": "intact", "record": "intact", "log": "intact", "watermark": "found",
        "label": "found", "consent": "found",
    }  # fmt: skip
    record = json.loads(record_path(video).read_text(encoding="utf-8"))
    assert found.layer("watermark").facts["content_id"] == record["produce_id"][:12]
    assert found.layer("consent").facts["subject"] == "Ada Example"
    assert found.layer("label").facts["labelled"] == found.layer("label").facts["frames"]
    assert "anybody can" in found.layer("watermark").proves
    assert json.loads(json.dumps(found.to_dict()))["exit_code"] == 0
    assert all(len(line) <= 100 or str(video) in line for line in found.to_text().splitlines())


EXPECTED = {
    "none": ("intact", {"credentials": "intact", "record": "absent", "log": "intact"}),
    "bit flipped in mdat": ("changed", {"credentials": "broken", "metadata": "found", "log": "found"}),
    "bit flipped in moov": ("changed", {"credentials": "broken"}),
    "bit flipped in uuid": ("changed", {"credentials": "broken"}),
    "trimmed, stream copy": ("marked", {"credentials": "absent", "metadata": "found", "watermark": "found"}),
    "half the bit rate": ("marked", {"credentials": "absent", "metadata": "absent", "label": "found"}),
    "scaled to 50 %": ("marked", {"metadata": "absent", "label": "found"}),
    "cropped by 10 %": ("marked", {"metadata": "absent", "watermark": "found"}),
    "tags dropped": ("marked", {"metadata": "absent", "watermark": "found", "label": "found", "log": "found"}),
    "as MKV": ("marked", {"credentials": "absent", "metadata": "found", "watermark": "found"}),
    "screenshot as PNG": ("marked", {"metadata": "absent", "watermark": "found", "label": "found"}),
}
WITHOUT_PICTURES = {"none", "bit flipped in mdat", "bit flipped in moov", "bit flipped in uuid"}


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_left_after_an_edit(edit: str, video: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if edit in WITHOUT_PICTURES:
        request.getfixturevalue("no_pictures")
    found = verify(EDITS[edit](video, tmp_path / "edited"))
    verdict, layers = EXPECTED[edit]
    assert (found.verdict, found.states_ai) == (verdict, True)
    assert {name: states(found)[name] for name in layers} == layers


def test_the_watermark_leads_to_the_log_when_all_else_is_gone(video: Path, tmp_path: Path) -> None:
    found = verify(stripped(video, tmp_path / "bare"))
    log, consent = found.layer("log"), found.layer("consent")
    assert (log.facts["by"], log.facts["name"], consent.facts["named_by"]) == ("watermark", "out.mp4", "log")
    assert "anybody can" in found.layer("watermark").proves
    assert "copied" in log.proves


def signed_by_somebody_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """(a video, the certificate chain that signed it), with the key away again."""
    with monkeypatch.context() as patch:
        chain, key = own_files(folder / "own")
        use(patch, chain, key)
        made = Job(folder, size_px=SIZE, draw=portrait_frames(SIZE)).write(folder / "theirs.mp4")
    return made, chain


@pytest.mark.usefixtures("no_pictures")
def test_a_stranger_can_sign_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, chain = signed_by_somebody_else(tmp_path, monkeypatch)
    found = verify(made)
    assert (found.verdict, found.exit_code) == ("unknown signer", 13)
    assert "nobody that is known here" in found.headline
    assert 'calls itself "Example Studio"' in found.layer("credentials").found
    assert "signer vouches" in found.layer("record").proves
    monkeypatch.setenv("SONIC_TRUST_LIST", str(chain))
    found = verify(made)
    assert (found.verdict, found.layer("credentials").state) == ("intact", "intact")
    assert found.headline == "AI-generated with Sonic, signed by Example Studio, and unchanged since."


def test_metadata_of_another_tool_is_its_word_alone(tmp_path: Path) -> None:
    made = of_another_tool(tmp_path / "other.mp4", size_px=SIZE, rate=Fraction(10), n_frames=4)
    for path in (made, as_mkv(made, tmp_path / "other")):
        found = verify(path)
        assert (found.verdict, found.exit_code) == ("marked", 10)
        assert found.headline == "Its AIGC metadata says that it is AI-generated; no signature proves it."
        assert "producer OtherTool" in found.layer("metadata").found
        assert "anybody can write it" in found.layer("metadata").proves
        assert (found.layer("watermark").state, found.layer("label").state) == ("absent", "absent")


def test_a_file_without_any_trace_proves_nothing(tmp_path: Path) -> None:
    made = of_another_tool(tmp_path / "other.mp4", size_px=SIZE, rate=Fraction(10), n_frames=3)
    found = verify(stripped(made, tmp_path / "bare"))
    assert (found.verdict, found.exit_code, found.states_ai) == ("nothing", 12, False)
    assert "proves nothing" in found.headline
    assert set(states(found).values()) == {"absent"}


@pytest.mark.parametrize("label", ["2", "3"])
@pytest.mark.usefixtures("no_pictures")
def test_maybe_and_suspected_are_not_is(label: str, tmp_path: Path) -> None:
    tag = OTHERS_TAG.replace('"Label":"1"', f'"Label":"{label}"')
    made = encoded(iter([np.zeros((64, 64, 3), np.uint8)]), tmp_path / "x.mp4", Fraction(25), tags={"AIGC": tag})
    found = verify(made)
    assert found.verdict == "marked"
    assert {"2": "may be", "3": "is suspected to be"}[label] in found.headline


@pytest.mark.parametrize("kind", ["png text", "png xmp", "jpeg xmp"])
def test_tags_of_pictures(kind: str, tmp_path: Path) -> None:
    path, image = tmp_path / "picture", Image.new("RGB", (96, 96), (9, 99, 9))
    escaped = OTHERS_TAG.replace('"', "&quot;")
    xmp = (
        f'<x:xmpmeta xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"><TC260:AIGC>{escaped}</TC260:AIGC></x:xmpmeta>'
    )
    info = PngImagePlugin.PngInfo()
    if kind == "png text":
        info.add_text("AIGC", OTHERS_TAG)
    else:
        info.add_itxt("XML:com.adobe.xmp", xmp)
    with path.open("wb") as file:
        if kind.startswith("png"):
            image.save(file, "png", pnginfo=info)
        else:
            image.save(file, "jpeg", xmp=xmp.encode())
    found = verify(path, longest_s=0)
    assert found.layer("metadata").facts["fields"]["ContentProducer"] == "OtherTool"
    assert found.verdict == "marked"


@pytest.mark.parametrize(
    ("source", "states_ai"), [("trainedAlgorithmicMedia", True), ("digitalCapture", False)], ids=["ai", "camera"]
)
@pytest.mark.usefixtures("no_pictures")
def test_credentials_of_another_tool(source: str, states_ai: bool, tmp_path: Path) -> None:
    address = f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": address}]}
    path = tmp_path / "picture.mp4"  # the name is not believed
    assertions = [{"label": "c2pa.actions", "data": actions}]
    path.write_bytes(signed_picture("png", identity(), assertions=assertions))
    found = verify(path)
    assert (found.verdict, found.exit_code, found.states_ai) == ("other tool", 14, states_ai)
    assert "Other Tool 2.0" in found.headline
    assert ("not said to be made with AI" in found.headline) is not states_ai
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert verify(path).verdict == "changed"


def test_layers_of_two_videos_contradict_each_other(video: Path, tmp_path: Path) -> None:
    other = Job(tmp_path, size_px=SIZE, duration_s=0.2, draw=portrait_frames(SIZE))
    bare = stripped(video, tmp_path / "bare")
    forged = tmp_path / "forged.mp4"
    with av.open(str(bare)) as source, av.open(str(forged), "w", options=KEEP_TAGS) as target:
        target.metadata["AIGC"] = other.record.aigc()
        picture = source.streams.video[0]
        stream = target.add_stream_from_template(picture)
        for packet in source.demux(picture):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    found = verify(forged)
    assert (found.verdict, found.exit_code) == ("contradictory", 15)
    assert found.conflicts[0].startswith("the AIGC metadata names video ")
    assert "contradiction" in found.to_text()


def test_a_label_that_anybody_drew_is_no_proof(tmp_path: Path) -> None:
    picture = np.full((240, 320, 3), 128, np.uint8)
    label = label_pixels((320, 240))
    blend(picture[20 : 20 + label.shape[0], 150 : 150 + label.shape[1]], *premultiplied(label))
    Image.fromarray(picture).save(tmp_path / "x.png")
    found = verify(tmp_path / "x.png")
    assert (found.verdict, found.layer("label").state) == ("marked", "found")
    assert found.layer("label").proves == "anybody can draw it"
    left, top, *_ = found.layer("label").facts["box_px"]
    assert abs(left - 150) < 8
    assert abs(top - 20) < 8


def test_the_label_is_not_seen_where_there_is_none() -> None:
    hopper = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (270, 480, 3), np.uint8)
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in (hopper, PORTRAIT)]
    for picture in [*pictures, noise, np.full((200, 200, 3), 7, np.uint8)]:
        seen = find_label(picture)
        assert seen is not None
        assert seen.likeness < MIN_LIKENESS - 0.15
    assert find_label(np.zeros((16, 16, 3), np.uint8)) is None


@pytest.fixture
def kept(video: Path) -> Iterator[Consent]:
    """A consent of this machine's store, which the record and the credentials of ``permitted`` name."""
    consent = Consent(subject="Ada Kept", basis="self", given_on=date(2026, 1, 2)).bound_to(PHOTO).signed(identity())
    store.keep(consent)
    yield consent
    for path in store.folder().glob(f"{consent.id}*"):
        path.unlink()


@pytest.mark.usefixtures("no_pictures")
def test_consent_is_looked_up_on_this_machine(kept: Consent, tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.record = dataclasses.replace(job.record, consent=kept)
    video = job.write(tmp_path / "out.mp4")
    record_path(video).unlink()
    found = verify(video).layer("consent")
    assert (found.state, found.facts["subject"], found.facts["named_by"]) == ("intact", "Ada Kept", "credentials")
    assert "the word of whoever signed" in found.proves
    revocation.revoke(kept)
    found = verify(video).layer("consent")
    assert (found.state, found.facts["problems"]) == ("broken", ["revoked"])
    assert verify(video).verdict == "intact"  # the video is what it was


@pytest.mark.usefixtures("no_pictures")
def test_an_expired_consent_is_said(tmp_path: Path) -> None:
    yesterday = date.today() - timedelta(1)
    given = Consent(subject="Ada Ended", basis="self", given_on=yesterday, expires_on=yesterday)
    likeness = {"photo_sha256": PHOTO.sha256}
    consent = dataclasses.replace(given, **likeness).signed(identity())
    store.keep(consent)
    job = Job(tmp_path)
    job.record = dataclasses.replace(job.record, consent=consent)
    found = verify(job.write(tmp_path / "out.mp4")).layer("consent")
    assert (found.facts["problems"], found.facts["expires_on"]) == (["expired"], yesterday.isoformat())


@pytest.mark.usefixtures("no_pictures")
def test_a_record_that_was_changed_or_is_anothers(video: Path, tmp_path: Path) -> None:
    for path in (video, record_path(video)):
        shutil.copy(path, tmp_path)
    beside = tmp_path / record_path(video).name
    values = json.loads(beside.read_text(encoding="utf-8"))
    values["consent"]["subject"] = "Somebody Else"
    beside.write_text(json.dumps(values), encoding="utf-8")
    found = verify(tmp_path / video.name).layer("record")
    assert (found.state, found.facts["names_this_file"], found.facts["named_by"]) == ("found", True, [])
    values["video"]["sha256"] = "0" * 64
    beside.write_text(json.dumps(values), encoding="utf-8")
    assert "belongs to another video" in verify(tmp_path / video.name).layer("record").found
    beside.write_text("[" * 100_000, encoding="utf-8")
    assert "is no record of Sonic" in verify(tmp_path / video.name).layer("record").found


@pytest.mark.usefixtures("no_pictures")
def test_a_log_that_was_changed_vouches_for_little(tmp_path: Path, home: Path) -> None:
    video = Job(tmp_path).write(tmp_path / "out.mp4")
    assert verify(video).layer("log").state == "intact"
    log = home_folder() / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"light"', b'"heavy"'))
    found = verify(video).layer("log")
    assert (found.state, found.facts["by"]) == ("broken", "sha256")
    log.write_bytes(b"")
    assert verify(video).layer("log").state == "absent"
    assert home.is_dir()


@pytest.mark.usefixtures("no_pictures")
def test_nothing_is_written_and_no_key_is_made(video: Path, tmp_path: Path, home: Path) -> None:
    copy = shutil.copy(video, tmp_path)
    found = verify(copy)
    assert found.verdict == "unknown signer"  # on another machine
    assert not home.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [video.name]


HOSTILE = {
    "empty": b"",
    "text": b"AI generated, I promise",
    "playlist": b"#EXTM3U\nfile:///etc/hostname\n",
    "concat": b"ffconcat version 1.0\nfile /etc/hostname\n",
    "random": np.random.default_rng(1).bytes(50_000),
    "mp4 of nothing": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5_000),
    "png of nothing": b"\x89PNG\r\n\x1a\n" + bytes(500),
    "bomb": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0" + bytes(100),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_media_is_one_line(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x; rm -rf ~.mp4"
    path.write_bytes(content)
    assert main(["verify", str(path)]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "Traceback" not in printed.err


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for name in ("pipe.mp4", "missing.mp4", ".", "\0"):
        with pytest.raises(MediaError):
            verify(tmp_path / name)


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.mp4").open("wb") as file:
        file.write(b"\0\0\0\x18ftypmp42")
        file.truncate(MAX_BYTES + 1)  # a hole: it takes no space
    with pytest.raises(MediaError, match="at most 34360 MB"):
        verify(tmp_path / "huge.mp4")


@pytest.mark.parametrize("share", [0.25, 0.5, 0.99])
def test_a_video_that_was_cut_off_was_changed(share: float, video: Path, tmp_path: Path, no_pictures: None) -> None:
    data = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: round(share * len(data))])
    assert verify(tmp_path / "cut.mp4").verdict == "changed"


def test_a_file_without_pictures(tmp_path: Path) -> None:
    sound = save_sound(tmp_path / "speech.wav", tone(0.3, 16_000), 16_000).source
    only_sound = tmp_path / "sound.mp4"
    with av.open(str(sound)) as source, av.open(str(only_sound), "w") as target:
        stream = target.add_stream("aac", rate=16_000)
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    for path in (sound, only_sound):
        found = verify(path)
        assert found.verdict == "nothing"
        assert found.layer("watermark").state == found.layer("label").state == "not looked at"


def test_time_is_limited(tmp_path: Path) -> None:
    frames = itertools.repeat(np.full((240, 320, 3), 90, np.uint8), 30)
    made = encoded(frames, tmp_path / "x.mp4", Fraction(25))
    began = time.monotonic()
    found = verify(made, longest_s=0)
    assert time.monotonic() - began < 10
    assert "the time of 0 s was over" in found.layer("watermark").found
    assert found.layer("label").state == "not looked at"


@pytest.mark.usefixtures("no_pictures")
def test_a_strangers_texts_do_not_reach_the_terminal_raw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tag = json.dumps({"Label": "1", "ContentProducer": "\x1b[2J\x07evil\n" + "x" * 9_999, "ProduceID": {"a": 1}})
    frames = iter([np.zeros((64, 64, 3), np.uint8)])
    made = encoded(frames, tmp_path / "x.mp4", Fraction(25), tags={"AIGC": tag})
    assert main(["verify", "--quiet", str(made)]) == 10
    out = capsys.readouterr().out
    assert "evil" in out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert len(out) < 4_000


def test_tags_that_are_no_tags() -> None:
    assert parsed("[" * 60_000) == parsed("7") == parsed("") == parsed('{"AIGC": 3}') == {}
    assert parsed('{"AIGC": {"Label": 1, "Other": "x"}}') == {"Label": "1"}
    assert text(7) == ""
    assert len(text("ab" * 900)) == 120


@pytest.mark.usefixtures("no_pictures")
def test_the_command_for_people_and_machines(video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "-q", str(video)]) == 0
    out = capsys.readouterr().out
    assert "unchanged since" in " ".join(out.split())
    assert main(["verify", "-q", "--json", str(video)]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["event"], result["verdict"], result["states_ai"]) == ("result", "intact", True)
    assert result["layers"]["credentials"]["this_machine"] is True
    flipped = EDITS["bit flipped in mdat"](video, tmp_path / "x")
    assert main(["verify", "-q", str(flipped)]) == 11


def test_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    page = capsys.readouterr().out
    codes: Any = [code for code, _ in VERDICTS.values()]
    assert sorted(codes) == sorted(set(codes))
    assert all(f"\n  {code:2} " in page for code in codes)
    assert "\n   3 " in page
    assert set(STATES) == {"intact", "broken", "found", "absent", "not looked at"}
