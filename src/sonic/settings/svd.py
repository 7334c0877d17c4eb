"""Settings that engine svd alone heeds."""

from dataclasses import dataclass
from functools import partial

from sonic.settings.table import setting

_svd = partial(setting, engine="svd")


@dataclass(frozen=True, kw_only=True)
class SvdSettings:
    """Where and in which formats the published networks compute, and how they are guided."""

    device: str = _svd(
        "auto", "Where it computes: auto, cpu, cuda, cuda:1, or several, cuda:0,cuda:1.", str,
    )  # fmt: skip
    precision: str = _svd(
        "auto", "Number format of the networks; auto is fp16 on a GPU and fp32 on a CPU.", str,
        choices=("auto", "fp32", "fp16", "bf16"),
    )  # fmt: skip
    weights_precision: str = _svd(
        "same", "Format in which the UNet's weights are kept; fp8 halves them and is a little slower.", str,
        choices=("same", "fp8"),
    )  # fmt: skip
    offload: str = _svd(
        "auto", "What leaves the GPU while others work: nothing, whole models, or each block of the UNet too.", str,
        choices=("auto", "none", "models", "blocks"),
    )  # fmt: skip
    compile: str = _svd(
        "off", "Whether torch.compile makes the UNet faster, after some minutes of compiling.", str,
        choices=("off", "on"),
    )  # fmt: skip
    vae_tiling: str = _svd(
        "auto", "Whether pictures are decoded in tiles, which needs less memory; auto where they would not fit.", str,
        choices=("auto", "on", "off"),
    )  # fmt: skip
    rows_per_call: int | None = _svd(
        None, "Windows of 25 frames times passes of guidance that are computed at once.", int,
        low=1, high=64, step=1, unset="what fills the device and fits",
    )  # fmt: skip
    appearance_guidance: float = _svd(
        2.0, "How strongly the frames keep to the portrait; 1 saves a pass of the UNet.", float,
        low=0, high=10, step=0.1, recommended=(1, 3), outside="above 3 colours get hard",
    )  # fmt: skip
    appearance_guidance_start: float | None = _svd(
        None, "The same at the first denoising step; in between it changes evenly.", float,
        low=0, high=10, step=0.1, unset="appearance_guidance",
    )  # fmt: skip
    audio_guidance: float = _svd(
        7.5, "How strongly the frames keep to the speech.", float,
        low=0, high=20, step=0.1, recommended=(3, 9), outside="below 3 the lips get vague, above 9 they exaggerate",
    )  # fmt: skip
    audio_guidance_start: float | None = _svd(
        None, "The same at the first denoising step; in between it changes evenly.", float,
        low=0, high=20, step=0.1, unset="audio_guidance",
    )  # fmt: skip
    guidance_refresh: int = _svd(
        1, "Guidance is computed anew at every so many-th step and reused in between; 1 is as published.", int,
        low=1, high=10, step=1, recommended=(1, 3), outside="above 3 the guidance is stale",
    )  # fmt: skip
    window_overlap: int = _svd(
        0, "Frames that neighbouring windows share.", int, low=0, high=12, step=1,
    )  # fmt: skip
    window_shift: int = _svd(
        7, "Frames by which the windows move from step to step, which joins them.", int,
        low=0, high=24, step=1,
    )  # fmt: skip
    noise_strength: float = _svd(
        1.0, "Share of the denoising steps that are run, from a start nearer to the portrait.", float,
        low=0.05, high=1, step=0.05, recommended=(0.5, 1), outside="below 0.5 hardly anything moves",
    )  # fmt: skip
    sampler: str = _svd(
        "euler", "How a denoising step is taken: euler as published, or dpm++2m for fewer of them.", str,
        choices=("euler", "dpm++2m"),
    )  # fmt: skip
    weights_folder: str | None = _svd(
        None, "Folder of the published weights.", str,
        unset="SONIC_WEIGHTS, ComfyUI's models or the Hugging Face cache",
    )  # fmt: skip
