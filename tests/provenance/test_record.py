"""The AIGC metadata has the form that platforms read, and the record tells the whole story."""

import hashlib
import json
import re
import uuid
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sonic
from sonic.errors import ConsentError, SettingError
from sonic.provenance.aigc import PRODUCER_VARIABLE, aigc_json, content_producer
from sonic.provenance.consent import Consent
from sonic.provenance.policy import Policy
from sonic.provenance.read_back import ReadBack
from sonic.provenance.record import Record, is_record
from sonic.settings import Settings
from sonic.types import Clip, LabelOverlay, Photo, Sound

PHOTO = Photo(np.zeros((8, 8, 3), np.uint8), "ab" * 32, "Ada's 照片.png")
SPEECH = Sound(Path("folder/speech \udcff.wav"), "cd" * 32)
MARKS = ReadBack(label=True, watermark=False)
SIGNED = {"signer": "Sonic local signer", "fingerprint": "34" * 32, "certificate": "local", "timestamp": None}
SETTINGS = Settings(seed=7, fps=Fraction(30_000, 1001))


def record(**changes: Any) -> Record:
    label = LabelOverlay(np.zeros((20, 40, 4), np.uint8), 6, 4, 30)
    clip = Clip(iter(()), 30, SETTINGS.fps, (160, 128), SPEECH, 1.0, label, uuid.uuid4().hex)
    values = {
        "consent": Consent(subject="Ada Example", basis="written", given_on=date(2026, 1, 2), evidence="form 17"),
        "producer": content_producer(Policy()),
        "photo": PHOTO,
        "sound": SPEECH,
        "settings": SETTINGS,
        "clip": clip,
        "notices": ("motion_scale 1.5: restless",),
        "weights": {"motion.onnx": "ef" * 32},
    }
    return Record.of(**(values | changes))


def test_the_aigc_metadata_has_every_field_in_printable_ascii() -> None:
    text = record().aigc()
    values = json.loads(text)
    assert list(values) == [
        "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
    ]  # fmt: skip
    assert values["Label"] == "1"
    assert values["ContentProducer"] == "Sonic"
    assert re.fullmatch(r"[!-~]+", text), "printable ASCII without spaces, one line"


def test_every_video_has_its_own_id_and_keeps_it() -> None:
    one, other = record(), record()
    assert one.produce_id != other.produce_id
    assert one.aigc() == one.aigc()


def test_a_deployer_can_name_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "001191110108MA01ABCDEF10001"
    monkeypatch.setenv(PRODUCER_VARIABLE, code)
    assert json.loads(record().aigc())["ContentProducer"] == code


@pytest.mark.parametrize("name", ["", "two words", "公司", "x" * 65, "a\nb"])
def test_a_producer_that_the_metadata_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(PRODUCER_VARIABLE, name)
    with pytest.raises(SettingError, match=PRODUCER_VARIABLE):
        content_producer(Policy())


def test_the_record_is_complete() -> None:
    made = record()
    values = json.loads(made.to_json("out.mp4", "12" * 32, MARKS, SIGNED))
    assert values["record"] == "sonic/1"
    assert values["consent"] == made.consent.summary()
    assert (values["consent"]["subject"], values["consent"]["evidence"]) == ("Ada Example", "form 17")
    assert values["photo"] == {"name": "Ada's 照片.png", "sha256": PHOTO.sha256}
    assert values["audio"]["sha256"] == SPEECH.sha256
    assert values["video"] == {
        "name": "out.mp4", "sha256": "12" * 32, "width": 160, "height": 128, "fps": "30000/1001", "n_frames": 30,
        "duration_s": 1.0, "read_back": {"label": True, "watermark": False},
    }  # fmt: skip
    assert values["settings"] == SETTINGS.to_dict()
    assert (values["seed"], values["engine"]) == (7, "light")
    assert values["weights"] == {"motion.onnx": "ef" * 32}
    assert values["label"]["text"] == "AI生成 AI-generated"
    assert values["label"]["n_frames"] == 30
    assert values["credentials"] == SIGNED
    assert values["made_with"]["version"] == sonic.__version__
    assert values["notices"] == ["motion_scale 1.5: restless"]
    assert values["aigc"] == json.loads(made.aigc())
    assert values["aigc"]["ProduceID"] == values["produce_id"]
    at = datetime.strptime(values["made_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - at).total_seconds()) < 60


def test_names_hold_no_folders_and_stray_bytes_are_readable() -> None:
    assert record().to_dict("out.mp4", "12" * 32, MARKS, SIGNED)["audio"]["name"] == "speech \\udcff.wav"


def test_the_metadata_names_its_record_as_the_record_says() -> None:
    values = record().to_dict("out.mp4", "12" * 32, MARKS, SIGNED)
    core = {name: value for name, value in values.items() if name not in ("aigc", "credentials", "video")}
    digest = hashlib.sha256(json.dumps(core, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert values["aigc"]["ReservedCode1"] == f"sha256:{digest}"


def test_no_record_without_consent_for_this_photo() -> None:
    other = Consent(subject="Ada", basis="self", given_on=date(2026, 1, 2), photo_sha256="99" * 32)
    with pytest.raises(ConsentError, match="obtain consent"):
        record(consent=other)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"record": "other/1"}', b"[" * 99_999, b"\xff\xfe"])
def test_other_files_are_no_records(data: bytes) -> None:
    assert not is_record(data)


def test_our_records_are() -> None:
    assert is_record(record().to_json("out.mp4", "12" * 32, MARKS, SIGNED).encode())
    assert not is_record(aigc_json("Sonic", "1").encode())
