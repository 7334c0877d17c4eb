"""The ComfyUI nodes without a ComfyUI: ranges, words, workflows, cost of loading."""

import ast
import asyncio
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from comfy_stand_in import PACK, Kept, Schema, load_pack
from comfyui_client import ONLY_ON_THE_CANVAS, WORKFLOWS, node_of, prompt_of

from sonic.settings import DEFAULTS, Settings, settings_table
from sonic.settings.presets import preset

NODE_IDS = (
    "SonicTalkingPortrait", "SonicPortrait", "SonicPreData", "SonicInference", "SonicSvdOptions",
    "SonicLatentDecoder", "SonicPostProcessing", "SonicConsent", "SonicVideoOutput", "SonicFramesToImages",
    "SonicQualityReport",
)  # fmt: skip
"""They stand in saved workflows: none is ever renamed or taken away."""
CORE = ("LoadImage", "LoadAudio", "PreviewAny", "CreateVideo")
SAVED_WIDGETS = json.loads((Path(__file__).parent / "saved_widgets.json").read_text(encoding="utf-8"))
"""Widgets of each node in the order in which workflows of version 0.1.0 were saved."""
REACHED = [
    path
    for path in (PACK.parent / "src" / "sonic").rglob("*.py")
    if not {"apps", "training"} & set(path.parts) and path.stem not in ("fetch", "convert")
]
"""Modules whose messages can reach a node: not those of commands alone."""
HEAVY = ("torch", "onnxruntime", "cv2", "av", "matplotlib", "c2pa", "cryptography", "PIL")
MAX_LOAD_CPU_S = 0.3
LOADING = """
import sys, time, asyncio
sys.path.insert(0, {tests!r})
import pytest, numpy  # ComfyUI has numpy already
from comfy_stand_in import load_pack
patch = pytest.MonkeyPatch()
before, started = set(sys.modules), time.process_time()
pack = load_pack(patch)
extension = asyncio.run(pack.comfy_entrypoint())
for node in asyncio.run(extension.get_node_list()):
    node.define_schema()
print(time.process_time() - started, *sorted(name.split(".")[0] for name in set(sys.modules) - before))
"""


@pytest.fixture
def schemas(monkeypatch: pytest.MonkeyPatch) -> dict[str, Schema]:
    pack = load_pack(monkeypatch)
    extension = asyncio.run(pack.comfy_entrypoint())
    nodes = asyncio.run(extension.get_node_list())
    return {node.define_schema().node_id: node.define_schema() for node in nodes}


@pytest.fixture
def module(schemas: dict[str, Schema]) -> Any:
    return importlib.import_module("sonic_pack.schemas")


def inputs(schemas: dict[str, Schema]) -> list[tuple[str, Kept]]:
    return [(name, one) for name, schema in schemas.items() for one in schema.inputs]


def test_node_ids_never_change(schemas: dict[str, Schema]) -> None:
    assert tuple(schemas) == NODE_IDS
    assert {schema.category for schema in schemas.values()} == {"Sonic"}


def test_ranges_and_defaults_are_those_of_the_settings(schemas: dict[str, Schema]) -> None:
    seen = set()
    for _, one in inputs(schemas):
        if one.id not in settings_table():
            continue
        entry, options = settings_table()[one.id], one.options
        seen.add(one.id)
        if entry.choices:
            assert tuple(options["options"]) == entry.choices
        if "max" in options:
            assert (options["max"], options["step"]) == (entry.high, entry.step)
            assert options["min"] == (
                min(entry.low or 0, 0 if (entry.low or 0) > 0 else -1) if entry.unset else entry.low
            )
        if not entry.unset:
            assert options["default"] == DEFAULTS[one.id]
    assert seen == set(settings_table()) - {"audio_track"}, "every setting has a widget; AUDIO is one track"
    assert settings_table()["expand_ratio"].step == 0.01


def test_no_node_turns_the_servers_range_checks_off(schemas: dict[str, Schema]) -> None:
    for node in importlib.import_module("sonic_pack.nodes").NODES:
        assert not hasattr(node, "validate_inputs")


def test_every_input_and_output_is_explained(schemas: dict[str, Schema]) -> None:
    for node, one in inputs(schemas):
        assert one.options.get("tooltip"), (node, one.id)
    for node, schema in schemas.items():
        assert schema.description, node
    exits = [schemas[name] for name in ("SonicFramesToImages",)]
    assert all("signature" in one.options["tooltip"] for schema in exits for one in schema.outputs[:1])


def test_every_exit_asks_for_consent(schemas: dict[str, Schema]) -> None:
    for name in ("SonicTalkingPortrait", "SonicVideoOutput", "SonicFramesToImages"):
        consent = next(one for one in schemas[name].inputs if one.id == "consent")
        assert consent.kind == "SONIC_CONSENT" and not consent.options.get("optional")


def test_widgets_of_nobodys_choice_become_the_defaults(module: Any) -> None:
    shown = {name: module.shown_default(name) for name in settings_table()}
    assert Settings(**module.chosen(shown, tuple(settings_table()))) == Settings()
    given = {"seed": 0, "appearance_guidance_start": 0.0, "duration": 0.0, "nonsense": 1}
    assert module.chosen(given, tuple(settings_table())) == {
        "seed": 0, "appearance_guidance_start": 0.0, "duration": None,
    }  # fmt: skip
    assert Settings(**module.chosen({"fps": 29.97, "seed": 5}, ("fps",))) == Settings(fps=Fraction(30000, 1001))


def test_what_other_nodes_and_tutorials_call_things_gets_an_answer(module: Any) -> None:
    said = module.answers({"fps": 25, "lip_sync_calibration": 0.02, "nonsense": 1}, ("fps",))
    assert len(said) == 2 and "audio_offset_ms" in said[0] and "ignored" in said[1]


def test_nobody_consents_by_leaving_things_as_they_are(schemas: dict[str, Schema]) -> None:
    widgets = {one.id: one.options["default"] for one in schemas["SonicConsent"].inputs}
    assert widgets["basis"] not in ("self", "written", "licensed", "synthetic") and widgets["confirmed"] is False


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_are_complete(language: str, schemas: dict[str, Schema], module: Any) -> None:
    words = json.loads((PACK / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
    assert set(words) == set(schemas)
    for node, schema in schemas.items():
        said = words[node]
        assert said["display_name"] and said["description"]
        assert set(said["inputs"]) == {one.id for one in schema.inputs}
        assert len(said["outputs"]) == len(schema.outputs)
        for one in schema.inputs:
            tip = said["inputs"][one.id]["tooltip"]
            assert tip == one.options["tooltip"] if language == "en" else tip
            recommended = settings_table()[one.id].recommended if one.id in settings_table() else None
            assert all(f"{bound:g}" in tip for bound in recommended or ())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_name_nodes_inputs_and_values_that_exist(workflow: Path, schemas: dict[str, Schema]) -> None:
    whole = json.loads(workflow.read_text(encoding="utf-8"))
    outputs = {node["id"]: [slot["type"] for slot in node["outputs"]] for node in whole["nodes"]}
    for node in whole["nodes"]:
        if node["type"] in (*CORE, *ONLY_ON_THE_CANVAS):
            continue
        schema = schemas[node["type"]]
        assert [slot["name"] for slot in node["inputs"]] == [one.id for one in schema.inputs]
        values = prompt_of(workflow)[str(node["id"])]["inputs"]
        for one in schema.inputs:
            value, options = values.get(one.id), one.options
            if isinstance(value, list):
                assert len(outputs[int(value[0])]) > value[1]
            elif "options" in options:
                assert value in options["options"]
            elif "max" in options:
                assert options["min"] <= value <= options["max"]
            else:
                assert value is not None or options.get("optional"), one.id


def test_preset_workflows_hold_the_presets() -> None:
    by_name = {path.stem: prompt_of(path) for path in WORKFLOWS}
    fast = by_name["sonic-fast"]
    widgets = fast[node_of(fast, "SonicTalkingPortrait")]["inputs"]
    assert preset("fast").items() <= widgets.items()
    for name, stem in (("quality", "sonic-high-quality"), ("official", "sonic-official-weights")):
        values = [
            item for node in by_name[stem].values() for item in node["inputs"].items() if item[0] in settings_table()
        ]
        assert all(item in values for item in preset(name).items()), stem


def test_loading_is_quick_and_brings_nothing_heavy() -> None:
    run = subprocess.run(
        [sys.executable, "-c", LOADING.format(tests=str(Path(__file__).parents[1] / "support"))],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, *names = run.stdout.split()
    assert float(seconds) < MAX_LOAD_CPU_S
    assert not set(names) & set(HEAVY)


@pytest.mark.parametrize("page", ["comfyui.md", "comfyui.zh-CN.md"])
def test_pages_hold_the_knobs_as_they_are_and_pictures_that_exist(page: str) -> None:
    source = PACK.parent / "recipes" / "comfyui" / "make_pages.py"
    spec = importlib.util.spec_from_file_location("comfyui_pages", source)
    assert spec and spec.loader
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    docs = PACK.parent / "docs"
    text = (docs / page).read_text(encoding="utf-8")
    assert recipe.filled(page, text) == text, "run: python recipes/comfyui/make_pages.py"
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert not [link for link in links if not (docs / link).exists()]


def test_the_registry_finds_what_it_needs() -> None:
    project = tomllib.loads((PACK / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (PACK / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = [line for line in lines if not line.startswith("#")]
    assert project["project"]["dependencies"] == required
    assert f'__version__ = "{project["project"]["version"]}"' in (PACK / "__init__.py").read_text(encoding="utf-8")
    assert "comfyui" not in project["project"]["name"].lower() and project["tool"]["comfy"]["PublisherId"]
    assert (PACK / "icon.png").stat().st_size < 60_000


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_has_an_id_that_the_canvas_accepts_and_a_thumbnail(file: Path) -> None:
    graph = json.loads(file.read_text(encoding="utf-8"))
    assert str(uuid.UUID(graph["id"])) == graph["id"]
    assert file.with_suffix(".jpg").stat().st_size > 1000
    for node in graph["nodes"]:
        widgets = [one for one in node["inputs"] if "widget" in one]
        extra = sum(one["name"] == "seed" for one in widgets) + (node["type"] in ("LoadImage", "LoadAudio"))
        if widgets:
            assert len(node["widgets_values"]) == len(widgets) + extra, f"{node['type']} in {file.stem}"


@pytest.mark.parametrize("page", ["comfyui.md", "comfyui.zh-CN.md"])
def test_the_page_leads_from_old_ids_to_nodes_that_exist(page: str, schemas: dict[str, Schema]) -> None:
    text = (PACK.parent / "docs" / page).read_text(encoding="utf-8")
    assert all(f"| `{old}` |" in text for old in ("SONICTLoader", "SONIC_PreData", "SONICSampler"))
    assert set(re.findall(r"`(Sonic[A-Z]\w+)`", text)) <= set(schemas)


@pytest.fixture
def wording(schemas: dict[str, Schema]) -> Any:
    return importlib.import_module("sonic_pack.wording")


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (
            "photo has 2 faces; choose one with --face 1..2, counted from the left",
            "Two faces found: set face to 1 or 2, left to right",
        ),
        (
            "recording 'ab12.wav' holds 0 ms of sound; at least 100 ms are needed, record it again",
            "The audio is empty (0 ms; minimum 100 ms)",
        ),
        (
            "the consent of Ada (0123456789) was changed after it was signed; use the original, or make it anew: "
            "sonic consent new",
            "The consent of Ada was changed after it was signed; use the original, or in Sonic Consent choose a basis, "
            "name the person and switch confirmed on",
        ),
        (
            "the consent of Ada is for the photo with SHA-256 01234567..., but 'f00.png' has 89abcdef... and is no "
            "copy of it; use that photo, or obtain consent for this one: sonic consent new",
            "The consent of Ada is for another photo; use that photo, or in Sonic Consent choose a basis, name the "
            "person and switch confirmed on",
        ),
        (
            "weights of engine svd are missing: unet, vae; looked in models/sonic; `sonic weights fetch` gets them, "
            "weights_folder says where they are",
            "Missing svd weights: unet, vae; looked in models/sonic; run `sonic weights fetch`, or set weights_folder "
            "to where you have them",
        ),
        (
            "recording 'ab12.wav' holds 40 ms of sound; at least 100 ms are needed, record it again",
            "The audio is too short (40 ms; minimum 100 ms)",
        ),
        (
            "photo has 5 faces; choose one with --face 1..5, counted from the left",
            "5 faces found: set face to 1 to 5, left to right",
        ),
        (
            "the consent of Ada names no face, and 'f00.png' shows several; make one that does: sonic consent new "
            "PHOTO --face N",
            "The consent of Ada names no face, and 'f00.png' shows several; in Sonic Consent choose a basis, name the "
            "person and switch confirmed on",
        ),
        (
            "the consent of Ada is for another face of 'f00.png' than the one that is animated; choose that face with "
            "--face, or obtain consent for this one: sonic consent new PHOTO --face N",
            "The consent of Ada is for another face of 'f00.png' than the one that is animated; set face to that one, "
            "or in Sonic Consent choose a basis, name the person and switch confirmed on",
        ),
        (
            "the consent of Ada (0123456789ab) was revoked with an earlier one for the same photo and subject on "
            "2026-05-31T12:00:00Z by the key 0123456789ab; that is final, ask for a new one",
            "The consent of Ada was revoked with an earlier one for the same photo and subject on "
            "2026-05-31T12:00:00Z; that is final; with a new permission, in Sonic Consent choose a basis, name "
            "the person and switch confirmed on",
        ),
        ("fps 70 is too high; give 12.5 to 60", "fps 70 is too high; give 12.5 to 60"),
        (
            "kernels cannot be loaded (too old); pip install --force-reinstall sonic-talk",
            "Kernels cannot be loaded (too old); pip install --force-reinstall sonic-talk",
        ),
        (
            "the policy p.toml requires an evidence file (--evidence-file); it allows consents of 30 days, not of 31 "
            "(--expires); make one that fits: sonic consent new",
            "The policy p.toml requires an evidence file; it allows consents of 30 days, not of 31; name the file of "
            "such a consent in saved of Sonic Consent",
        ),
    ],
)
def test_errors_speak_the_language_of_nodes(message: str, wanted: str, wording: Any) -> None:
    assert wording.in_words_of_nodes(message) == wanted


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (
            "photo has 2 faces; choose one with --face 1..2, counted from the left",
            "发现两张脸；请把“第几张脸”设为 1 或 2，从左数起",
        ),
        ("recording 'ab12.wav' holds 0 ms of sound; at least 100 ms are needed, record it again",
         "音频为空（0 毫秒；至少 100 毫秒）"),
        (
            "the consent of Ada is for the photo with SHA-256 01234567..., but 'f00.png' has 89abcdef... and is no "
            "copy of it; use that photo, or obtain consent for this one: sonic consent new",
            "Ada 的授权属于另一张照片；请换用那张照片，或在“Sonic 授权”中选择依据、写明人物并打开“确认”",
        ),
        (
            "photo 'f00.png' shows no face that can be found; give a photo with a face from the front, well lit",
            "照片“奶奶.jpg”中找不到人脸；请换一张正面、光线充足的照片",
        ),
        ("min_resolution is 64; it must be between 128 and 2048 px", "“最小分辨率”为 64 像素；应在 128 到 2048 之间"),
        ("framing is 'oval'; choose one of full, face", "“取景”为 'oval'；可选：full, face"),
        ("the face is dark: a photo with more light on the face is better", "脸偏暗：脸部光线更充足的照片更好"),
        ("no GPU is left; close what uses it", "No GPU is left; close what uses it"),
    ],
)  # fmt: skip
def test_who_chose_chinese_reads_errors_in_it(message: str, wanted: str, wording: Any) -> None:
    said = wording.in_words_of_nodes(message, {"photo": "奶奶.jpg"})
    assert wording.chinese.translated(said) == wanted


def test_every_chinese_rule_is_for_a_message_that_exists(wording: Any) -> None:
    texts = {text for path in (*REACHED, *PACK.glob("*.py")) for text in _texts(path) if "chinese" not in path.stem}
    named = {re.sub(r"(photo|recording) \{\}", r"\1 'x'", text) for text in texts}
    put = ("7", "'7'", "7 faces", "no consent")  # where an f-string has a value
    said = [wording.in_words_of_nodes(text.replace("{}", value, n)) for text in named for value in put for n in (1, 9)]
    said = [text.replace("{}", "7") for text in said]
    rules = [pattern for pattern, _ in wording.chinese._RULES]
    assert not [rule for rule in rules if not any(re.fullmatch(rule, one, re.I | re.S) for one in said)]


def test_the_language_is_the_one_that_was_chosen_on_the_canvas(
    wording: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("folder_paths.get_user_directory", lambda: str(tmp_path))
    (tmp_path / "default").mkdir()
    for stored, is_chinese in (("", False), ("{}", False), ('{"Comfy.Locale": "zh"}', True), ("[]", False)):
        (tmp_path / "default" / "comfy.settings.json").write_text(stored, encoding="utf-8")
        assert wording.chinese.chosen() is is_chinese


def test_no_message_of_the_library_names_an_option_or_a_command_of_consents_on_a_node(wording: Any) -> None:
    texts = {text for path in REACHED for text in _texts(path) if re.search(r"--[a-z]|sonic consent", text)}
    assert len(texts) > 10, "this test would not see them"
    said = {wording.in_words_of_nodes(text) for text in texts}
    assert not [text for text in said if re.search(r"(?<!install )--[a-z]|sonic consent [a-z]", text)]
    assert not [
        text for text in said if re.search(r"\b(face|that|consent) (face|N\b|in Sonic)|switch confirmed on \w+ N", text)
    ]


def _texts(path: Path) -> Iterator[str]:
    """All strings of a module but its docstrings; what an f-string puts in stands as {}."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | docs:
            yield node.value


def test_a_message_names_the_users_own_file(wording: Any) -> None:
    prompt = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "ada.jpg [input]"}},
        "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "width": 512}},
        "3": {"class_type": "SonicPortrait", "inputs": {"image": ["2", 0], "face": 0}},
        "4": {"class_type": "LoadAudio", "inputs": {"audio": "a.flac"}},
        "5": {"class_type": "LoadAudio", "inputs": {"audio": "b.flac"}},
        "6": {"class_type": "Mix", "inputs": {"portrait": ["3", 0], "a": ["4", 0], "b": ["5", 0], "back": ["6", 0]}},
    }
    names = wording.file_names(prompt, "6")
    assert names == {"photo": "ada.jpg"}, "two recordings: neither is the one"
    said = wording.in_words_of_nodes("photo 'f00.png' is too dark; recording 'b4.wav' is silent", names)
    assert said == "Photo 'ada.jpg' is too dark; the audio is silent"
    assert wording.file_names(None, None) == {} == wording.file_names(prompt, "9")


@pytest.mark.parametrize("node", SAVED_WIDGETS)
def test_a_saved_workflow_finds_its_widgets_where_they_were(node: str, schemas: dict[str, Schema]) -> None:
    """The canvas restores widgets by their place: what comes anew is added at the end."""
    widgets = [one.id for one in schemas[node].inputs if one.kind in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")]
    assert widgets[: len(SAVED_WIDGETS[node])] == SAVED_WIDGETS[node]
