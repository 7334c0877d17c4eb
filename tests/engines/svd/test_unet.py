"""The published UNet on stock diffusers classes: its names and shapes, and its output to the golden tensors."""

import pytest

torch = pytest.importorskip("torch", reason="needs the extra gpu")
pytest.importorskip("diffusers", reason="needs the extra gpu")

import tiny_svd  # noqa: E402

import golden  # noqa: E402
from golden import close, needs_golden  # noqa: E402
from sonic.engines.svd import networks  # noqa: E402
from sonic.engines.svd.attention import install, level_masks  # noqa: E402
from sonic.engines.svd.weights.catalogue import CONFIGS  # noqa: E402
from sonic.errors import InstallError  # noqa: E402

pytestmark = pytest.mark.svd
ROWS, FRAMES = 3, 5
ACTIVATIONS = [
    "conv_in", "time_embedding", "add_embedding", "mid_block",
    *(f"{side}_blocks.{i}" for side in ("down", "up") for i in range(4)),
]  # fmt: skip


@needs_golden
def test_at_full_size_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    from diffusers import UNetSpatioTemporalConditionModel

    with torch.device("meta"):
        unet = UNetSpatioTemporalConditionModel.from_config(CONFIGS["unet"])
        install(unet)
    shapes = {name: list(value.shape) for name, value in unet.state_dict().items()}
    assert shapes == golden.values("keys_full")["unet.pth"]
    assert sum(value.numel() for value in unet.state_dict().values()) == 1_575_741_162


@needs_golden
@pytest.mark.parametrize("name", ["output", "output_no_mask", "output_same_clip"])
def test_the_output_is_the_golden_one(name: str) -> None:
    unet, context = networks.unet(golden.values("configs")["unet"], golden.weights("unet"))
    given = golden.tensors("b_unet")
    embeds = given["in.clip_embeds"].reshape(ROWS, FRAMES, -1)
    # As the pipeline has it: the embed of the first frame for all frames of a row.
    context.image = embeds[:, :1].expand_as(embeds) if name == "output_same_clip" else embeds
    context.audio = given["in.audio_tokens"].reshape(ROWS, FRAMES, *given["in.audio_tokens"].shape[1:])
    if name != "output_no_mask":
        context.masks = level_masks(given["in.face_mask"], given["in.sample"].shape[-2:])
    made = {}
    for layer in ACTIVATIONS:
        unet.get_submodule(layer).register_forward_hook(
            lambda _, __, output, layer=layer: made.update({layer: output[0] if isinstance(output, tuple) else output})
        )
    with torch.no_grad():
        (output,) = unet(
            given["in.sample"], given["in.timestep"], torch.zeros(ROWS, 1, 1), given["in.added_time_ids"],
            return_dict=False,
        )  # fmt: skip
    if name == "output":
        for layer in ACTIVATIONS:
            assert close(made[layer], given[f"act.{layer}"]), layer
    assert close(output, given[name])


def test_masks_are_found_by_the_number_of_pixels_at_every_size() -> None:
    for height, width in ((64, 64), (64, 112), (120, 64), (96, 96)):
        masks = level_masks(torch.ones(1, 1, 8 * height, 8 * width), (height, width))
        assert set(masks) == {height * width // 4**level for level in range(4)}
        assert all(torch.allclose(mask, torch.ones(1)) and mask.shape == (1, n, 1) for n, mask in masks.items())


def test_a_checkpoint_with_another_name_or_shape_is_refused_by_that_name() -> None:
    state = tiny_svd.state_dicts()["unet"]
    lacking = {
        name: value
        for name, value in state.items()
        if not name.endswith("mid_block.resnets.0.spatial_res_block.conv1.bias")
    }
    assert len(lacking) == len(state) - 1
    with pytest.raises(InstallError, match=r"mid_block.*conv1\.bias is nothing where"):
        networks.unet(tiny_svd.UNET, lacking)
    wrong = state | {"conv_in.weight": torch.zeros(1, 2, 3, 3)}
    with pytest.raises(InstallError, match=r"conv_in\.weight is \(1, 2, 3, 3\)"):
        networks.unet(tiny_svd.UNET, wrong)


def test_it_compiles_to_one_graph_that_serves_every_window() -> None:
    """The compiler of kernels is left out: it takes minutes, and what it makes is PyTorch's."""
    from torch._dynamo.utils import counters

    config = tiny_svd.UNET | {
        "down_block_types": tiny_svd.UNET["down_block_types"][2:],
        "up_block_types": tiny_svd.UNET["up_block_types"][:2],
        "block_out_channels": [32, 64],
        "num_attention_heads": [2, 4],
    }
    from diffusers import UNetSpatioTemporalConditionModel

    unet = UNetSpatioTemporalConditionModel.from_config(config)
    context = install(unet)
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(unet.eval(), backend="eager")
    for call in range(3):
        context.image, context.audio = torch.randn(2, 3, 32), torch.randn(2, 3, 8, 32)
        context.masks = level_masks(torch.rand(1, 1, 64, 64), (8, 8))
        given = torch.randn(2, 3, 8, 8, 8), torch.tensor(float(call)), torch.zeros(2, 1, 1), torch.rand(2, 3)
        with torch.no_grad():
            assert close(compiled(*given, return_dict=False)[0], unet(*given, return_dict=False)[0])
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
