"""Finding published weights wherever people have them, and reading what their files say, all without PyTorch."""

import os
from pathlib import Path

import pytest
import safetensors_files
from hypothesis import given
from hypothesis import strategies as st

from sonic.engines.svd.weights import checkpoints, tensorfiles
from sonic.engines.svd.weights.catalogue import CONFIGS, PARTS
from sonic.engines.svd.weights.checkpoints import locate, roots, search
from sonic.errors import InstallError

WITH_WEIGHTS = [name for name, part in PARTS.items() if part.n_tensors]
SVD = "stable-video-diffusion-img2vid-xt"
SNAPSHOT = "snapshots/0123abcd"
NETWORKS = ("unet.pth", "audio2token.pth", "audio2bucket.pth")
DIFFUSERS = (
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "image_encoder/config.json",
    "image_encoder/model.safetensors",
    "unet/config.json",
    "scheduler/scheduler_config.json",
)
LAYOUTS = {
    "as published": (
        *(f"Sonic/{name}" for name in NETWORKS),
        "RIFE/flownet.pkl",
        *(f"{SVD}/{name}" for name in DIFFUSERS),
        "whisper-tiny/model.safetensors",
    ),
    "below checkpoints": (
        *(f"checkpoints/Sonic/{name}" for name in NETWORKS),
        "checkpoints/RIFE/flownet.pkl",
        *(f"checkpoints/{SVD}/{name}" for name in DIFFUSERS),
        "checkpoints/whisper-tiny/model.safetensors",
    ),
    "ComfyUI": (
        *(f"models/sonic/{name}" for name in NETWORKS),
        "models/sonic/RIFE/flownet.pkl",
        "models/sonic/whisper-tiny/model.safetensors",
        "models/checkpoints/svd_xt.safetensors",
    ),
    "ComfyUI with folders": (
        *(f"models/sonic/Sonic/{name}" for name in NETWORKS),
        "models/sonic/RIFE/flownet.pkl",
        "models/sonic/whisper-tiny/model.safetensors",
        "models/checkpoints/video/svd_xt_1_1.safetensors",
    ),
    "ComfyUI with a diffusers folder": (
        *(f"models/sonic/{name}" for name in NETWORKS),
        "models/sonic/RIFE/flownet.pkl",
        "models/sonic/whisper-tiny/model.safetensors",
        *(f"models/diffusers/{SVD}/{name}" for name in DIFFUSERS),
    ),
    "a hub cache": (
        *(f"models--LeonJoe13--Sonic/{SNAPSHOT}/Sonic/{name}" for name in NETWORKS),
        f"models--LeonJoe13--Sonic/{SNAPSHOT}/RIFE/flownet.pkl",
        *(f"models--stabilityai--{SVD}/{SNAPSHOT}/{name}" for name in DIFFUSERS),
        f"models--openai--whisper-tiny/{SNAPSHOT}/model.safetensors",
    ),
    "all in one folder": (
        *NETWORKS,
        "flownet.pkl",
        *DIFFUSERS,
        "whisper-tiny/model.safetensors",
    ),
    "half precision": (
        *(f"Sonic/{name}" for name in NETWORKS),
        "RIFE/flownet.pkl",
        f"{SVD}/vae/diffusion_pytorch_model.fp16.safetensors",
        f"{SVD}/image_encoder/model.fp16.safetensors",
        "whisper-tiny/model.safetensors",
    ),
}


@pytest.fixture(autouse=True)
def _no_weights_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SONIC_WEIGHTS", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no cache"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nobody")


def lay(folder: Path, names: tuple[str, ...]) -> Path:
    """Empty files of these names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_part_is_found_in_every_layout(layout: str, tmp_path: Path) -> None:
    folder = lay(tmp_path / "weights", LAYOUTS[layout])
    located = locate(folder)
    assert sorted(located.files) == sorted(WITH_WEIGHTS)
    assert all(file.is_relative_to(folder) and file.is_file() for file in located.files.values())


@pytest.mark.parametrize("below", ["models/sonic", "models", "."])
def test_comfyui_is_known_by_any_of_its_folders(below: str, tmp_path: Path) -> None:
    folder = lay(tmp_path / "ComfyUI", LAYOUTS["ComfyUI"])
    assert sorted(locate(folder / below).files) == sorted(WITH_WEIGHTS)


def test_comfyui_at_its_usual_place_needs_no_name(tmp_path: Path) -> None:
    lay(tmp_path / "nobody" / "ComfyUI", LAYOUTS["ComfyUI"])
    assert sorted(locate().files) == sorted(WITH_WEIGHTS)


def test_settings_are_found_beside_the_weights(tmp_path: Path) -> None:
    located = locate(lay(tmp_path / "weights", LAYOUTS["as published"]))
    assert sorted(located.configs) == ["image_encoder", "scheduler", "unet", "vae"]


def test_parts_may_lie_in_different_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(lay(tmp_path / "hub", LAYOUTS["a hub cache"])))
    folder = lay(tmp_path / "mine", ("unet.safetensors",))
    located = locate(folder)
    assert located.files["unet"] == folder / "unet.safetensors"
    assert located.files["vae"].is_relative_to(tmp_path / "hub")


def test_safetensors_go_before_pickles(tmp_path: Path) -> None:
    folder = lay(tmp_path / "weights", (*LAYOUTS["as published"], "Sonic/unet.safetensors", "RIFE/flownet.safetensors"))
    files = locate(folder).files
    assert (files["unet"].name, files["flownet"].name) == ("unet.safetensors", "flownet.safetensors")
    assert files["audio2token"].name == "audio2token.pth"
    assert checkpoints.pickles(folder)["unet"] == folder / "Sonic/unet.pth"


@pytest.mark.parametrize(
    "stranger",
    [
        "models/vae/diffusion_pytorch_model.safetensors",
        "models/checkpoints/svd_xt_image_decoder.safetensors",
        "models/unet/unet.pth",
    ],
)
def test_other_peoples_models_are_left_alone(stranger: str, tmp_path: Path) -> None:
    folder = lay(tmp_path / "ComfyUI", (stranger,))
    assert not search(folder).files
    assert not search(folder / "models").files


def test_what_is_missing_is_said_with_where_it_was_looked_for(tmp_path: Path) -> None:
    folder = lay(tmp_path / "weights", ("Sonic/unet.pth", "whisper-tiny/model.safetensors"))
    with pytest.raises(InstallError) as caught:
        locate(folder)
    line = str(caught.value)
    assert "audio2token, audio2bucket, flownet, vae, image_encoder;" in line
    assert str(folder) in line
    assert "sonic weights fetch" in line
    assert "\n" not in line


def test_nothing_anywhere_is_one_line() -> None:
    with pytest.raises(InstallError, match="none of the usual"):
        locate()


def test_the_variable_names_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIC_WEIGHTS", str(lay(tmp_path / "weights", LAYOUTS["as published"])))
    assert sorted(locate().files) == sorted(WITH_WEIGHTS)
    monkeypatch.setenv("SONIC_WEIGHTS", str(tmp_path / "gone"))
    with pytest.raises(InstallError, match="gone is not a folder"):
        locate()


def test_a_folder_that_may_not_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(InstallError, match=r"cannot be looked for in .*: Permission denied"):
        search(tmp_path)


def test_a_file_in_place_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "unet.pth").touch()
    with pytest.raises(InstallError, match=r"unet\.pth is not a folder"):
        search(tmp_path / "unet.pth")


def test_the_hub_cache_is_where_its_documentation_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    assert checkpoints.hub_cache() == tmp_path / "nobody/.cache/huggingface/hub"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert checkpoints.hub_cache() == tmp_path / "x/huggingface/hub"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert checkpoints.hub_cache() == tmp_path / "hf/hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "c"))
    assert checkpoints.hub_cache() == tmp_path / "c"


def test_without_a_home_folder_nothing_is_looked_for_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setattr(Path, "home", homeless)
    assert checkpoints.hub_cache() is None
    assert roots() == []


@pytest.mark.parametrize(
    ("main", "used"),
    [("bbbb", "bbbb"), ("gone", "newest"), (None, "newest"), ("../../../elsewhere", "newest")],
)
def test_of_several_snapshots_main_is_used(main: str | None, used: str, tmp_path: Path) -> None:
    home = tmp_path / "models--LeonJoe13--Sonic"
    for age, revision in enumerate(("newest", "aaaa", "bbbb")):
        lay(home / "snapshots" / revision, ("Sonic/unet.pth",))
        os.utime(home / "snapshots" / revision, (1000 - age, 1000 - age))
    if main is not None:
        lay(home, ("refs/main",))
        (home / "refs/main").write_text(main, encoding="utf-8")
    assert used in search(tmp_path).files["unet"].parts


def test_a_snapshot_that_lacks_a_file_does_not_hide_one_that_has_it(tmp_path: Path) -> None:
    home = tmp_path / "models--openai--whisper-tiny"
    lay(home / "snapshots/aaaa", ("config.json",))
    lay(home / "snapshots" / str(PARTS["whisper"].revision), ("model.safetensors",))
    lay(home, ("refs/main",))
    (home / "refs/main").write_text("aaaa", encoding="utf-8")
    assert "whisper" in search(tmp_path).files


def test_without_settings_the_published_size_is_meant(tmp_path: Path) -> None:
    located = locate(lay(tmp_path / "ComfyUI", LAYOUTS["ComfyUI"]))
    assert located.config("unet") == CONFIGS["unet"]
    assert located.config("scheduler")["sigma_max"] == 700.0


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "\x00"])
def test_settings_that_cannot_be_read_are_one_line(text: str, tmp_path: Path) -> None:
    folder = lay(tmp_path / "weights", LAYOUTS["as published"])
    (folder / SVD / "vae/config.json").write_text(text, encoding="utf-8")
    with pytest.raises(InstallError, match="cannot be read as JSON settings"):
        locate(folder).config("vae")


def test_the_audio_networks_tell_their_size(tmp_path: Path) -> None:
    folder = lay(tmp_path / "weights", LAYOUTS["ComfyUI"])
    safetensors_files.write(
        folder / "models/sonic/audio2token.safetensors", {"proj1.weight": (64, 10 * 5 * 48), "norm.weight": (32,)}
    )
    safetensors_files.write(folder / "models/sonic/audio2bucket.safetensors", {"proj1.weight": (64, 50 * 48 + 1024)})
    located = locate(folder)
    token, bucket = located.config("audio2token"), located.config("audio2bucket")
    assert (token["channels"], token["intermediate_dim"], token["output_dim"]) == (48, 64, 32)
    assert (bucket["channels"], bucket["clip_channels"]) == (48, 1024)


def test_another_network_in_their_place_is_refused(tmp_path: Path) -> None:
    folder = lay(tmp_path / "weights", LAYOUTS["ComfyUI"])
    safetensors_files.write(folder / "models/sonic/audio2token.safetensors", {"weight": (3,)})
    with pytest.raises(InstallError, match="of another network"):
        locate(folder).config("audio2token")


def test_names_and_shapes_without_reading_the_tensors(tmp_path: Path) -> None:
    shapes = {"a.weight": (1000, 1000, 1000), "b": (), "c": (0, 3)}
    file = safetensors_files.write(tmp_path / "large.safetensors", shapes, {"licence": "MIT"})
    assert tensorfiles.shapes(file) == shapes
    assert tensorfiles.metadata(file) == {"licence": "MIT"}


GOOD, _ = safetensors_files.header_of({"a": (2, 3)})
ENTRY = '{"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}'
HOSTILE = {
    "empty": b"",
    "cut in its length": b"\x10\x00",
    "cut in its header": GOOD[:-5],
    "cut in its tensors": GOOD + bytes(23),
    "too long": GOOD + bytes(25),
    "endless header": b"\xff" * 8 + bytes(100),
    "no JSON": safetensors_files.packed(b"PK\x03\x04"),
    "a list": safetensors_files.packed(b"[1]"),
    "deep": safetensors_files.packed(b"[" * 100_000),
    "no entry": safetensors_files.packed(b'{"a": 1}'),
    "notes that are a list": safetensors_files.packed(b'{"__metadata__": [1]}'),
    "unknown format": safetensors_files.packed(ENTRY.replace("F32", "F31").encode()) + bytes(24),
    "backwards": safetensors_files.packed(ENTRY.replace("[0, 24]", "[24, 0]").encode()) + bytes(24),
    "infinite": safetensors_files.packed(ENTRY.replace("[0, 24]", "[0, Infinity]").encode()) + bytes(24),
    "negative shape": safetensors_files.packed(ENTRY.replace("[2, 3]", "[-2, -3]").encode()) + bytes(24),
    "other shape": safetensors_files.packed(ENTRY.replace("[2, 3]", "[2, 4]").encode()) + bytes(24),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_damaged_or_hostile_file_is_one_line(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.safetensors"
    file.write_bytes(HOSTILE[kind])
    with pytest.raises(InstallError, match=r"bad\.safetensors .*fetch") as caught:
        tensorfiles.shapes(file)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.mktemp("fuzz") / "any.safetensors"
    for content in (data, safetensors_files.packed(data)):
        file.write_bytes(content)
        try:
            tensorfiles.shapes(file)
        except InstallError as error:
            assert "any.safetensors" in str(error)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="cannot be read"):
        tensorfiles.shapes(tmp_path / "gone.safetensors")
    with pytest.raises(InstallError, match="cannot be read"):
        checkpoints.digest(tmp_path / "gone.safetensors")


def test_digests_name_no_folder_of_the_users(tmp_path: Path) -> None:
    located = locate(lay(tmp_path / "ada lovelace", LAYOUTS["all in one folder"]))
    digests = located.digests()
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digests["unet/unet.pth"] == digests["vae/config.json"] == empty
    assert not any("ada" in name for name in digests)


def test_a_changed_file_has_another_digest(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    first = checkpoints.digest(file)
    file.write_bytes(b"22")
    assert checkpoints.digest(file) != first


def test_the_table_is_whole() -> None:
    for part in PARTS.values():
        assert part.licence.meaning
        assert part.n_bytes > 0
        for file in (*part.files, *part.half):
            assert file.sha256 is None or (len(file.sha256) == 64 and int(file.sha256, 16))
            assert file.n_bytes is None or file.n_bytes > 0
    assert {part.licence.name for part in PARTS.values() if part.repository == "LeonJoe13/Sonic"} == {
        "CC BY-NC-SA 4.0",
        "MIT",
    }
