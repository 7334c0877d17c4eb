"""Published weights read into tensors: pickles that hold programs, the single file, conversion, the check."""

import pickle
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

import safetensors_files  # noqa: E402
import tiny_svd  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from sonic import downloads  # noqa: E402
from sonic.engines.svd.weights import (  # noqa: E402
    catalogue,
    check,
    checkpoints,
    convert,
    signatures,
    single_file,
    tensorfiles,
)
from sonic.engines.svd.weights.catalogue import CONFIGS, PARTS  # noqa: E402
from sonic.engines.svd.weights.checkpoints import locate, search  # noqa: E402
from sonic.errors import InstallError, OutputError  # noqa: E402

pytestmark = pytest.mark.svd

NAMES = [name for name, part in PARTS.items() if part.n_tensors]


class Program:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('the program ran')",)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_svd.make(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def states() -> dict[str, tiny_svd.State]:
    return tiny_svd.state_dicts()


@pytest.fixture
def weights(published: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy to break."""
    yield Path(shutil.copytree(published, tmp_path / "weights"))


@pytest.fixture(autouse=True)
def _no_weights_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "no cache"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nobody")


@pytest.mark.parametrize("part", NAMES)
def test_tensors_come_as_the_network_has_them(part: str, published: Path, states: dict[str, tiny_svd.State]) -> None:
    located = locate(published)
    found = located.state(part)
    assert found.keys() == states[part].keys()
    assert all(torch.equal(found[name], value) for name, value in states[part].items())
    assert located.shapes(part) == {name: tuple(value.shape) for name, value in found.items()}
    assert located.shapes(part) == signatures.expected(part, located.config(part))


@pytest.mark.parametrize("part", NAMES)
def test_at_full_size_names_and_numbers_are_the_published_ones(part: str) -> None:
    shapes = signatures.expected(part, CONFIGS[part])
    assert len(shapes) == PARTS[part].n_tensors
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == PARTS[part].n_parameters


@pytest.mark.parametrize("layout", ["folder", "comfyui", "hub"])
def test_every_layout_gives_the_same_tensors(layout: tiny_svd.Layout, tmp_path: Path) -> None:
    located = locate(tiny_svd.make(tmp_path / layout, layout=layout, sonic="safetensors"))
    assert located.files["unet"].name == "unet.safetensors"
    assert located.config("audio2bucket")["clip_channels"] == tiny_svd.CONTEXT
    assert signatures.differences(located.shapes("unet"), signatures.expected("unet", located.config("unet"))) == []


@pytest.mark.parametrize(
    "content",
    [
        {"conv_in.weight": Program()},
        {"state_dict": {"conv_in.weight": torch.zeros(1)}},
        [torch.zeros(1)],
        {"epoch": 3},
    ],
    ids=["a program", "nested", "a list", "numbers"],
)
@pytest.mark.parametrize("old_format", [True, False])
def test_a_pickle_that_holds_more_than_tensors_is_refused(content: object, old_format: bool, weights: Path) -> None:
    file = weights / "Sonic/unet.pth"
    torch.save(content, file, _use_new_zipfile_serialization=not old_format)
    located = locate(weights)
    for read in (located.state, located.shapes):
        with pytest.raises(InstallError, match=r"unet\.pth .*hold (more than|something else)") as caught:
            read("unet")
        assert "\n" not in str(caught.value)


def test_a_bare_pickle_runs_nothing(weights: Path) -> None:
    (weights / "RIFE/flownet.pkl").write_bytes(pickle.dumps({"module.a": Program()}))
    with pytest.raises(InstallError, match="not run"):
        locate(weights).state("flownet")


def test_an_old_pickle_of_tensors_is_read(weights: Path, states: dict[str, tiny_svd.State]) -> None:
    file = weights / "Sonic/audio2token.pth"
    torch.save(states["audio2token"], file, _use_new_zipfile_serialization=False)
    assert torch.equal(locate(weights).state("audio2token")["norm.bias"], states["audio2token"]["norm.bias"])


@pytest.mark.parametrize("keep", [0, 10, 1000, 0.5, 0.99])
@pytest.mark.parametrize("name", ["Sonic/unet.pth", "RIFE/flownet.pkl", "whisper-tiny/model.safetensors"])
def test_a_file_cut_short_is_one_line(name: str, keep: float, weights: Path) -> None:
    data = (weights / name).read_bytes()
    (weights / name).write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    part = {"unet.pth": "unet", "flownet.pkl": "flownet", "model.safetensors": "whisper"}[Path(name).name]
    with pytest.raises(InstallError, match="fetch") as caught:
        locate(weights).state(part)
    assert "\n" not in str(caught.value)


def test_tensors_that_overlap_are_refused(tmp_path: Path) -> None:
    text = (
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'
    )
    file = tmp_path / "a.safetensors"
    file.write_bytes(safetensors_files.packed(text) + bytes(12))
    with pytest.raises(InstallError, match="damaged"):
        tensorfiles.tensors(file)


# The single file


def original_names(part: str, config: Mapping[str, Any]) -> dict[str, single_file.Source]:
    """Every tensor of a part and its original."""
    n_levels = len(config.get("block_out_channels", ()))
    return {name: single_file.source(part, name, n_levels) for name in signatures.expected(part, config)}


def original(states: dict[str, tiny_svd.State]) -> tiny_svd.State:
    """The same weights as Stability's own program has them, made from its own naming, not from ours."""
    stored: tiny_svd.State = {"model.diffusion_model.out.2.bias": torch.zeros(4)}
    for part, config in (("vae", tiny_svd.VAE), ("image_encoder", tiny_svd.IMAGE_ENCODER)):
        thirds: dict[str, dict[int, torch.Tensor]] = {}
        for name, origin in original_names(part, config).items():
            value = states[part][name]
            if origin.third is not None:
                thirds.setdefault(origin.name, {})[origin.third] = value
            elif origin.transposed:
                stored[origin.name] = value.T.contiguous()
            else:
                is_1x1 = ".attn_1." in origin.name and value.ndim == 2
                stored[origin.name] = value[..., None, None] if is_1x1 else value
        stored |= {name: torch.cat([rows[i] for i in range(3)]) for name, rows in thirds.items()}
    return stored


@pytest.fixture
def comfyui(weights: Path, states: dict[str, tiny_svd.State], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of which Stable Video Diffusion is the single file; the published size is the tiny one."""
    shutil.rmtree(weights / "stable-video-diffusion-img2vid-xt")
    (weights / "checkpoints").mkdir()
    save_file(original(states), weights / "checkpoints/svd_xt.safetensors")
    tiny = {"unet": tiny_svd.UNET, "vae": tiny_svd.VAE, "image_encoder": tiny_svd.IMAGE_ENCODER}
    monkeypatch.setattr(checkpoints, "CONFIGS", CONFIGS | tiny)
    return weights


@pytest.mark.parametrize("part", ["vae", "image_encoder"])
def test_the_single_file_gives_the_same_tensors(part: str, comfyui: Path, states: dict[str, tiny_svd.State]) -> None:
    located = locate(comfyui)
    found = located.state(part)
    assert found.keys() == states[part].keys()
    assert all(torch.equal(found[name], value) for name, value in states[part].items())
    assert located.shapes(part) == {name: tuple(value.shape) for name, value in found.items()}


@pytest.mark.parametrize(
    ("part", "name", "wanted"),
    [
        ("vae", "decoder.conv_out.weight", "first_stage_model.decoder.conv_out.weight"),
        ("vae", "decoder.time_conv_out.bias", "first_stage_model.decoder.conv_out.time_mix_conv.bias"),
        ("vae", "decoder.conv_norm_out.bias", "first_stage_model.decoder.norm_out.bias"),
        ("vae", "decoder.mid_block.attentions.0.to_k.bias", "first_stage_model.decoder.mid.attn_1.k.bias"),
        ("vae", "decoder.mid_block.attentions.0.group_norm.bias", "first_stage_model.decoder.mid.attn_1.norm.bias"),
        ("vae", "decoder.mid_block.attentions.0.to_out.0.bias", "first_stage_model.decoder.mid.attn_1.proj_out.bias"),
        (
            "vae",
            "decoder.mid_block.resnets.0.spatial_res_block.conv1.bias",
            "first_stage_model.decoder.mid.block_1.conv1.bias",
        ),
        (
            "vae",
            "decoder.mid_block.resnets.1.time_mixer.mix_factor",
            "first_stage_model.decoder.mid.block_2.mix_factor",
        ),
        (
            "vae",
            "decoder.up_blocks.0.resnets.2.temporal_res_block.norm2.weight",
            "first_stage_model.decoder.up.3.block.2.time_stack.out_layers.0.weight",
        ),
        (
            "vae",
            "decoder.up_blocks.3.resnets.0.spatial_res_block.conv_shortcut.weight",
            "first_stage_model.decoder.up.0.block.0.nin_shortcut.weight",
        ),
        (
            "vae",
            "decoder.up_blocks.1.resnets.0.temporal_res_block.conv1.bias",
            "first_stage_model.decoder.up.2.block.0.time_stack.in_layers.2.bias",
        ),
        ("vae", "decoder.up_blocks.2.upsamplers.0.conv.bias", "first_stage_model.decoder.up.1.upsample.conv.bias"),
        ("vae", "quant_conv.weight", "conditioner.embedders.3.encoder.quant_conv.weight"),
        ("vae", "encoder.conv_in.bias", "conditioner.embedders.3.encoder.encoder.conv_in.bias"),
        (
            "vae",
            "encoder.down_blocks.1.resnets.0.conv_shortcut.bias",
            "conditioner.embedders.3.encoder.encoder.down.1.block.0.nin_shortcut.bias",
        ),
        (
            "vae",
            "encoder.down_blocks.2.downsamplers.0.conv.bias",
            "conditioner.embedders.3.encoder.encoder.down.2.downsample.conv.bias",
        ),
        (
            "vae",
            "encoder.mid_block.attentions.0.to_q.weight",
            "conditioner.embedders.3.encoder.encoder.mid.attn_1.q.weight",
        ),
        (
            "image_encoder",
            "vision_model.encoder.layers.3.self_attn.v_proj.bias",
            "conditioner.embedders.0.open_clip.model.visual.transformer.resblocks.3.attn.in_proj_bias",
        ),
        (
            "image_encoder",
            "vision_model.embeddings.position_embedding.weight",
            "conditioner.embedders.0.open_clip.model.visual.positional_embedding",
        ),
    ],
)
def test_original_names(part: str, name: str, wanted: str) -> None:
    assert single_file.source(part, name, 4).name == wanted


@pytest.mark.parametrize("part", ["vae", "image_encoder"])
def test_no_two_tensors_come_from_the_same_place(part: str) -> None:
    origins = original_names(part, CONFIGS[part])
    places = {(origin.name, origin.third) for origin in origins.values()}
    assert len(places) == len(origins) == PARTS[part].n_tensors


def test_a_single_file_that_lacks_a_tensor_is_one_line(comfyui: Path) -> None:
    file = comfyui / "checkpoints/svd_xt.safetensors"
    stored = load_file(file)
    del stored["conditioner.embedders.3.encoder.quant_conv.bias"]
    save_file(stored, file)
    with pytest.raises(InstallError, match=r"vae .*quant_conv\.bias is missing"):
        locate(comfyui).state("vae")
    assert locate(comfyui).state("image_encoder")


def test_a_single_file_of_another_model_is_one_line(comfyui: Path) -> None:
    file = comfyui / "checkpoints/svd_xt.safetensors"
    stored = load_file(file)
    stored["first_stage_model.decoder.conv_in.weight"] = torch.zeros(8, 4, 3, 3)
    save_file(stored, file)
    with pytest.raises(
        InstallError, match=r"another network's: decoder\.conv_in\.weight is 8 x 4 x 3 x 3 where 32 x 4"
    ):
        locate(comfyui).state("vae")


# Conversion


def test_conversion_keeps_every_number_and_notes_its_source(weights: Path, states: dict[str, tiny_svd.State]) -> None:
    made = convert.convert(weights)
    assert {item.part for item in made} == {"flownet", "unet", "audio2token", "audio2bucket"}
    located = locate(weights)
    for item in made:
        assert item.fresh
        assert located.files[item.part] == item.file
        found = located.state(item.part)
        assert all(torch.equal(found[name], value) for name, value in states[item.part].items())
        notes = tensorfiles.metadata(item.file)
        assert notes["source_sha256"] == checkpoints.digest(item.source)
        assert notes["licence"].startswith(PARTS[item.part].licence.name)


def test_a_second_conversion_finds_the_first(weights: Path) -> None:
    before = {item.file: item.file.stat().st_mtime_ns for item in convert.convert(weights)}
    (weights / "Sonic/unet.safetensors").unlink()
    again = {item.part: item for item in convert.convert(weights)}
    assert again["unet"].fresh
    assert not again["audio2token"].fresh
    assert again["audio2token"].file.stat().st_mtime_ns == before[again["audio2token"].file]


def test_nothing_of_the_users_is_overwritten(weights: Path) -> None:
    mine = safetensors_files.write(weights / "Sonic/unet.safetensors", {"mine": (3,)})
    before = mine.read_bytes()
    with pytest.raises(OutputError, match=r"unet\.safetensors exists"):
        convert.convert(weights)
    assert mine.read_bytes() == before


def test_half_precision_is_for_the_unet_alone(weights: Path, states: dict[str, tiny_svd.State]) -> None:
    convert.convert(weights, half=True)
    located = locate(weights)
    assert located.files["unet"].name == "unet.fp16.safetensors"
    unet = located.state("unet")
    assert {value.dtype for value in unet.values()} == {torch.float16}
    assert all(torch.equal(unet[name], value.half()) for name, value in states["unet"].items())
    assert {value.dtype for value in located.state("audio2token").values()} == {torch.float32}


def test_numbers_that_half_precision_cannot_hold_are_refused(weights: Path) -> None:
    torch.save({"a": torch.tensor([1e6])}, weights / "Sonic/unet.pth")
    with pytest.raises(InstallError, match="do not fit half precision"):
        convert.convert(weights, half=True)
    assert not list((weights / "Sonic").glob("*unet*.safetensors*"))


def test_views_and_shared_tensors_are_converted(weights: Path) -> None:
    table = torch.arange(12.0).reshape(3, 4)
    torch.save({"proj1.weight": table, "norm.weight": table[1], "again": table}, weights / "Sonic/audio2token.pth")
    convert.convert(weights)
    found = locate(weights).state("audio2token")
    assert found["norm.weight"].tolist() == [4.0, 5.0, 6.0, 7.0]
    assert torch.equal(found["again"], found["proj1.weight"])


def test_a_conversion_that_is_stopped_leaves_nothing_half_written(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, **named: object) -> None:
        Path(str(given[1])).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.torch.save_file", stopped)
    with pytest.raises(KeyboardInterrupt):
        convert.convert(weights)
    assert not [file for file in weights.rglob("*") if file.name.endswith((".part", "unet.safetensors"))]


def test_a_full_disk_is_one_line(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
    with pytest.raises(OutputError, match="GB are needed"):
        convert.convert(weights)


# The check


def known(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    """Let the tiny model be the published one."""
    from dataclasses import replace

    files = search(weights).files
    table = {
        name: replace(part, files=(replace(part.files[-1], sha256=checkpoints.digest(files[name])),), half=())
        if name in files
        else part
        for name, part in catalogue.PARTS.items()
    }
    monkeypatch.setattr(check, "PARTS", table)


def test_the_published_weights_are_good(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, weights)
    findings = list(check.check(search(weights)))
    assert [finding.part for finding in findings] == NAMES
    assert all(finding.good == ("SHA-256", "all names and shapes") for finding in findings)
    assert not any(finding.problems or finding.unknown for finding in findings)


def test_a_wrong_shape_a_lost_name_and_a_stranger_are_found(weights: Path, states: dict[str, tiny_svd.State]) -> None:
    broken = dict(states["unet"])
    del broken["conv_in.bias"]
    broken |= {"conv_out.bias": torch.zeros(5), "stranger": torch.zeros(1)}
    torch.save(broken, weights / "Sonic/unet.pth")
    problems = next(f for f in check.check(search(weights)) if f.part == "unet").problems
    assert problems == (
        "conv_in.bias is missing",
        "stranger does not belong there",
        "conv_out.bias is 5 where 4 belongs",
    )


def test_a_changed_number_is_found_by_its_hash(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, weights)
    file = weights / "whisper-tiny/model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    found = next(f for f in check.check(search(weights)) if f.part == "whisper")
    assert len(found.problems) == 1
    assert "not the published" in found.problems[0]
    assert found.good == ("all names and shapes",)


# Downloading, with nothing behind it


@pytest.mark.parametrize("own_folder", [True, False])
def test_the_hub_is_asked_for_the_known_revision(
    own_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[tuple[object, ...], dict[str, object]]] = []
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *g, **n: asked.append((g, n)) or "file")
    item = downloads.Wanted(PARTS["vae"], PARTS["vae"].files[0])
    assert downloads.from_hub(item, tmp_path if own_folder else None) == Path("file")
    place = (
        {"local_dir": tmp_path / "stable-video-diffusion-img2vid-xt"}
        if own_folder
        else {"cache_dir": tmp_path / "no cache"}
    )
    assert asked == [((catalogue.SVD, "vae/config.json"), {"revision": PARTS["vae"].revision, **place})]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("gated", r"agree to its licence: do so on https://huggingface\.co/LeonJoe13/Sonic"),
        ("offline", "HF_HUB_OFFLINE is set"),
        ("broken", "cannot be downloaded: no route to host; what has arrived is kept"),
    ],
)
def test_a_failed_download_is_one_line(kind: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import errors

    def fail(*given: object, **named: object) -> None:
        if kind == "gated":
            raise errors.GatedRepoError.__new__(errors.GatedRepoError)
        raise errors.OfflineModeIsEnabled("offline") if kind == "offline" else ConnectionError("no route to host\nmore")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fail)
    with pytest.raises(InstallError, match=words) as caught:
        downloads.from_hub(downloads.Wanted(PARTS["unet"], PARTS["unet"].files[0]), None)
    assert "\n" not in str(caught.value)
