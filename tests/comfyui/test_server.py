"""The ComfyUI nodes in a real server, on the CPU: make test-comfyui COMFYUI_DIR=... (COMFYUI_PYTHON=...)."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comfyui_client import WORKFLOWS, Prompt, Server, cached, failure, node_of, prompt_of, running

from sonic import demo
from sonic.verification import verify

COMFYUI = os.environ.get("COMFYUI_DIR", "")
pytestmark = [
    pytest.mark.comfyui,
    pytest.mark.skipif(not COMFYUI, reason="no ComfyUI is given: make test-comfyui COMFYUI_DIR=... COMFYUI_PYTHON=..."),
]
SMALL: dict[str, Any] = {"duration": 0.6, "min_resolution": 192, "preview_frames": 2, "inference_steps": 4}
INTACT = dict.fromkeys(("credentials", "metadata", "record", "log", "consent"), "intact")
FAST = next((path for path in WORKFLOWS if path.stem == "sonic-fast"), Path())
STEPS = next((path for path in WORKFLOWS if path.stem == "sonic-high-quality"), Path())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("comfyui-home")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Server]:
    with running(Path(COMFYUI).absolute(), tmp_path_factory.mktemp("comfyui") / "base", home) as started:
        yield started


def videos(server: Server, history: dict[str, Any]) -> list[Path]:
    """The files that a prompt wrote into the output folder."""
    shown = [one for node in history["outputs"].values() for one in node.get("images", [])]
    found = [server.base / "output" / one["subfolder"] / one["filename"] for one in shown if one["type"] == "output"]
    return [path for path in found if path.suffix == ".mp4"]


def settled(server: Server, prompt: Prompt) -> dict[str, Any]:
    history = server.run(prompt)
    assert history["status"]["status_str"] == "success", failure(history)
    return history


def refused(server: Server, prompt: Prompt) -> str:
    """What the node that failed shows, which is one line."""
    said = failure(server.run(prompt))["exception_message"].strip()
    assert "\n" not in said, said
    return str(said)


def test_the_pack_loads_with_its_templates_and_both_languages(server: Server) -> None:
    log = server.log.read_text(errors="replace")
    assert re.search(r"seconds: .*sonic-talk", log) and not re.search(r"IMPORT FAILED.*sonic-talk", log)
    assert sorted(server.call("/workflow_templates")["sonic-talk"]) == sorted(path.stem for path in WORKFLOWS)
    words = server.call("/i18n")
    assert words["zh"]["nodeDefs"]["SonicTalkingPortrait"]["display_name"] != "Sonic Talking Portrait"
    assert words["en"]["nodeDefs"]["SonicTalkingPortrait"]["display_name"] == "Sonic Talking Portrait"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_workflow_runs_or_says_what_it_needs(
    workflow: Path, server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {node["class_type"] for node in prompt_of(workflow).values()}
    if missing := kinds - server.call("/object_info").keys():
        pytest.skip(f"this ComfyUI has no {', '.join(sorted(missing))}")
    if workflow.stem == "sonic-official-weights":
        said = refused(server, prompt_of(workflow, **SMALL))
        assert "weights" in said or "sonic-talk[gpu]" in said
        return
    history = settled(server, prompt_of(workflow, **SMALL))
    made = videos(server, history)
    if workflow.stem == "sonic-frames-for-other-nodes":
        assert not made
        (told,) = [node["text"][0] for node in history["outputs"].values() if "text" in node]
        assert "watermark" in told
        return
    assert len(made) == (3 if workflow.stem == "sonic-many-languages" else 1)
    monkeypatch.setenv("SONIC_HOME", str(home / "sonic"))
    for video in made:
        check(video)


def check(video: Path) -> None:
    """Label, watermark, metadata, signature, record and log agree."""
    found = verify(video)
    states = {layer.name: layer.state for layer in found.layers}
    assert found.verdict == "intact" and not found.conflicts, found.to_text()
    assert states == INTACT | {"watermark": "found", "label": "found"}, found.to_text()
    record = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["consent"]["subject"] == demo.SUBJECT
    assert record["aigc"]["Label"] == "1" and record["credentials"]["signer"]


def test_the_same_inputs_are_not_computed_again_and_another_seed_only_from_inference_on(server: Server) -> None:
    prompt = prompt_of(STEPS, **SMALL, filename_prefix="sonic/cache")
    settled(server, prompt)
    assert cached(settled(server, prompt)) == set(prompt)
    prompt[node_of(prompt, "SonicInference")]["inputs"]["seed"] = 7
    again = cached(settled(server, prompt))
    kept = {prompt[key]["class_type"] for key in again}
    assert {"SonicPortrait", "SonicPreData", "SonicConsent", "LoadImage", "LoadAudio"} <= kept
    assert not kept & {"SonicInference", "SonicLatentDecoder", "SonicPostProcessing", "SonicVideoOutput"}


def test_the_single_steps_make_the_same_frames_as_the_one_node(server: Server) -> None:
    from sonic.media.video import decode_video

    settings: dict[str, Any] = {**SMALL, "crf": 1, "encoder_preset": "ultrafast", "dynamic_scale": 1.1, "seed": 3}
    one = videos(server, settled(server, prompt_of(FAST, **settings, filename_prefix="sonic/one")))
    many = videos(server, settled(server, prompt_of(STEPS, **settings, filename_prefix="sonic/steps")))
    pairs = zip(decode_video(one[0]), decode_video(many[0]), strict=True)
    worst = max(abs(a[1].astype(int) - b[1].astype(int)).mean() for a, b in pairs)
    assert worst < 2, "their watermarks name different records, all else is the same"


def test_a_running_job_shows_itself_and_stops_within_a_frame(server: Server) -> None:
    prompt = prompt_of(FAST, min_resolution=256, inference_steps=4, filename_prefix="stopped/video")
    previews, steps, values = 0, 0, []
    with server.listening("watcher") as messages:
        prompt_id = server.post(prompt, "watcher")["prompt_id"]
        for message in messages:
            if isinstance(message, bytes):
                previews += 1
            elif message["type"] == "progress":
                values.append((message["data"]["value"], message["data"]["max"]))
                steps += message["data"]["max"] > 100
            if steps >= 3:
                break
        assert not previews, "a live picture would stay over the finished video in some front ends"
        server.call("/interrupt", {})
        at = values[-1][0]
        for message in messages:
            if isinstance(message, dict) and message["type"] == "progress":
                values.append((message["data"]["value"], message["data"]["max"]))
            if isinstance(message, dict) and message["type"] == "execution_interrupted":
                break
    assert "exception_message" not in failure(server.finished(prompt_id))
    assert values[-1][0] - at <= 12, "frames after the request: what was on its way, and no more"
    assert not list((server.base / "output" / "stopped").iterdir())


@pytest.mark.parametrize(
    ("widget", "value"), [("dynamic_scale", 3.0), ("expand_ratio", -0.1), ("inference_steps", 0), ("framing", "oval")]
)
def test_a_value_outside_its_range_is_refused(server: Server, widget: str, value: Any) -> None:
    answer = server.post(prompt_of(FAST, **{**SMALL, widget: value}))
    if "prompt_id" in answer:  # older releases do not check choices; the node does
        said = failure(server.finished(answer["prompt_id"]))["exception_message"]
    else:
        assert answer["status"] == 400
        said = json.dumps(answer["refused"])
    assert widget in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"duration": 600.0}, r"duration is 600 s but the recording has 11\.9"),
        ({"basis": "choose the grounds"}, "in Sonic Consent choose a basis, name the person and switch confirmed on"),
        ({"basis": "self", "subject": "Mira"}, "confirmed"),
        ({"basis": "written", "subject": "Mira", "confirmed": True}, "evidence"),
        ({"filename_prefix": "../../outside"}, "output folder"),
        ({"face": 2}, "face"),
        ({"min_resolution": 64}, "between 128 and 2048"),
        ({"saved": "0123456789"}, "clear saved of Sonic Consent"),
        ({"language": "not a tag!"}, "language"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_one_sentence_on_the_node(server: Server, changes: dict[str, Any], words: str) -> None:
    said = refused(server, prompt_of(FAST, **{**SMALL, **changes}))
    assert re.search(words, said), said


def test_who_chose_chinese_is_answered_in_it(server: Server) -> None:
    server.call("/settings/Comfy.Locale", "zh")
    try:
        said = refused(server, prompt_of(FAST, **SMALL, basis="choose the grounds"))
    finally:
        server.call("/settings/Comfy.Locale", "en")
    assert said == "缺少此人的授权；请在“Sonic 授权”中选择依据、写明人物并打开“确认”"


def test_a_video_that_another_node_saves_keeps_what_is_in_its_pixels_alone(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = prompt_of(FAST, **SMALL, filename_prefix="sonic/first")
    source = [node_of(prompt, "SonicTalkingPortrait"), 0]
    prompt["99"] = {
        "class_type": "SaveVideo",
        "inputs": {"video": source, "filename_prefix": "sonic/anew", "format": "auto", "codec": "auto"},
    }
    settled(server, prompt)
    (anew,) = (server.base / "output" / "sonic").glob("anew*.mp4")
    monkeypatch.setenv("SONIC_HOME", str(home / "sonic"))
    found = verify(anew)
    states = {layer.name: layer.state for layer in found.layers}
    assert (states["watermark"], states["label"]) == ("found", "found"), found.to_text()
    assert states["credentials"] != "intact" and states["record"] != "intact", found.to_text()


def test_what_a_node_does_not_know_gets_an_answer_not_a_crash(server: Server) -> None:
    prompt = prompt_of(STEPS, **SMALL, filename_prefix="sonic/old")
    inputs = prompt[node_of(prompt, "SonicPreData")]["inputs"]
    inputs |= {"weight_dtype": "fp16", "clip_vision": [node_of(prompt, "LoadImage"), 0]}
    prompt[node_of(prompt, "SonicPostProcessing")]["inputs"]["lip_sync_calibration"] = 0.02
    history = settled(server, prompt)
    (said,) = history["outputs"][node_of(prompt, "SonicVideoOutput")]["text"]
    assert "clip_vision is no input" in said
    release = server.call("/system_stats")["system"]["comfyui_version"].split(".")
    if tuple(map(int, release[:2])) >= (0, 33):  # older releases drop widgets that a node does not have
        assert "weight_dtype is no input" in said and "audio_offset_ms" in said


def test_a_consent_of_this_machine_counts_by_its_id_and_by_its_file(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sonic.provenance.consent import store
    from sonic.provenance.signer import identity

    monkeypatch.setenv("SONIC_HOME", str(home / "sonic"))
    consent = demo.consent().signed(identity())
    store.keep(consent)
    consent.save(server.base / "input" / "portrait.consent.json")
    for saved in (consent.id[:12], "portrait.consent.json"):
        changes = {"basis": "choose the grounds", "saved": saved, "filename_prefix": f"sonic/saved-{saved[:8]}"}
        (video,) = videos(server, settled(server, prompt_of(FAST, **SMALL, **changes)))
        record = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
        assert record["consent"]["id"] == consent.id


def test_the_demos_consent_holds_for_no_other_photo(server: Server) -> None:
    from PIL import Image

    mirrored = server.base / "input" / "mirrored.png"
    Image.open(demo.PORTRAIT).convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored)
    said = refused(server, prompt_of(FAST, **SMALL, image="mirrored.png"))
    assert "is for another photo" in said and "in Sonic Consent choose a basis" in said


def test_a_photo_without_a_face_is_called_by_the_name_that_the_user_gave_it(server: Server) -> None:
    from PIL import Image

    Image.new("RGB", (320, 320), "steelblue").save(server.base / "input" / "plain blue.png")
    for workflow in (FAST, STEPS):
        prompt = prompt_of(
            workflow, **SMALL, image="plain blue.png", basis="synthetic", subject="Nobody", confirmed=True
        )
        assert "photo 'plain blue.png'" in refused(server, prompt).casefold()


def test_a_report_takes_the_name_of_a_video_in_comfyuis_folders_alone(server: Server, tmp_path: Path) -> None:
    prompt = prompt_of(FAST, **SMALL, filename_prefix="sonic/named")
    prompt["99"] = {
        "class_type": "SonicQualityReport",
        "inputs": {"video": [node_of(prompt, "SonicTalkingPortrait"), 1]},
    }
    (told,) = settled(server, prompt)["outputs"]["99"]["text"]
    assert "watermark" in told
    text = {"class_type": "PrimitiveString", "inputs": {"value": str(tmp_path / "secret.mp4")}}
    report = {"class_type": "SonicQualityReport", "inputs": {"video": ["1", 0]}}
    assert "outside ComfyUI's folders" in refused(server, {"1": text, "2": report})


def test_nothing_is_written_but_where_comfyui_and_the_user_keep_things(server: Server, home: Path) -> None:
    settled(server, prompt_of(FAST, **SMALL, filename_prefix="sonic/last"))
    outside = {path.relative_to(home).parts[0]: path for path in home.rglob("*") if path.is_file()}
    assert outside.keys() == {"sonic"}, outside  # keys, consents and the log of the user
    assert not [path for path in server.base.rglob("*.part*") if path.is_file()]
