"""Every knob once: default, range, unit and help. Command line, nodes and docs build themselves from here."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from sonic.errors import SettingError
from sonic.files import read_small_text

Phase = Literal["frame", "drive", "time", "mark", "encode"]
"""Steps that settings belong to, in order: framing the photo, motion, its timing, label and record, the file."""


@dataclass(frozen=True, slots=True)
class Knob:
    """What a front end needs to offer one setting."""

    help: str
    """One sentence: what it does, in the words of a user."""
    kind: type
    """int, float, Fraction or str."""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    recommended: tuple[float, float] | None = None
    """What the help advises; values outside give a notice, not an error, unless ``tolerated`` is wider."""
    tolerated: tuple[float, float] | None = None
    outside: str = ""
    """The notice: what to expect outside the recommended range."""
    unset: str = ""
    """What None means; empty where None is not allowed."""
    engine: str = ""
    """The only engine that heeds it; empty for all. Front ends group by it; with another engine it gives a notice."""
    phase: Phase = "drive"
    """The step that it belongs to: what comes before that step does not depend on it."""


def _knob(default: Any, help: str, kind: type, **rest: Any) -> Any:
    return dataclasses.field(default=default, metadata={"knob": Knob(help, kind, **rest)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a video is made. Immutable; an impossible value raises SettingError when it is set."""

    engine: str = _knob("light", "Engine that makes the video; `sonic doctor` lists those installed.", str)
    duration: float | None = _knob(
        None, "Length of the video; less than the recording trims picture and sound.", float,
        low=0.04, high=36_000, step=0.1, unit="s", unset="the recording's own length", phase="frame",
    )  # fmt: skip
    audio_track: int | None = _knob(
        None, "Which audio track of the recording is spoken, counted from 1.", int,
        low=1, high=99, step=1, unset="the first that holds speech", phase="frame",
    )  # fmt: skip
    min_resolution: int | None = _knob(
        None, "Shorter side of the video; 1024 gives 1080p-class video.", int,
        low=128, high=2048, step=2, unit="px", unset="the photo's own, at most 1080", phase="frame",
    )  # fmt: skip
    framing: str = _knob(
        "full", "What the video shows: the full photo, a square around the face, or the face in a fixed format.", str,
        choices=("full", "face", "9:16", "16:9", "1:1"), phase="frame",
    )  # fmt: skip
    expand_ratio: float = _knob(
        0.18, "Room around the face when the framing crops, so that no movement is cut.", float,
        low=0, high=1, step=0.01, recommended=(0.15, 0.20),
        outside="below 0.15 a moving head may touch the edge, above 0.20 the face gets small", phase="frame",
    )  # fmt: skip
    face: int | None = _knob(
        None,
        "Which face to animate, counted from the left.",
        int,
        low=1,
        high=99,
        step=1,
        unset="the only one",
        phase="frame",
    )
    inference_steps: int = _knob(
        25, "Denoising steps of the diffusion model; more is slower.", int,
        low=1, high=100, step=1, recommended=(20, 30), tolerated=(10, 40),
        outside="below 10 the lips get imprecise, above 40 there is nothing to gain",
    )  # fmt: skip
    dynamic_scale: float = _knob(
        1.0, "How far the mouth moves; 0 keeps it still.", float,
        low=0, high=2, step=0.05, recommended=(0.8, 1.2),
        outside="below 0.8 the mouth hardly opens, above 1.2 it looks overdone",
    )  # fmt: skip
    motion_scale: float = _knob(
        1.0, "How far head, gaze and brows move; 0 keeps them still.", float,
        low=0, high=2, step=0.05, recommended=(0.0, 1.3),
        outside="above 1.3 the head looks restless and its edges may bend",
    )  # fmt: skip
    blink_scale: float = _knob(
        1.0, "How often the eyes blink, relative to a speaking person; 0 is never.", float,
        low=0, high=2, step=0.05, engine="light",
    )  # fmt: skip
    fps: Fraction = _knob(  # noqa: RUF009
        Fraction(25), "Frames per second; the motion is resampled, never sped up.", Fraction,
        low=12.5, high=60, step=0.5, unit="1/s",
    )  # fmt: skip
    seed: int = _knob(0, "Same inputs, settings and seed give the same motion.", int, low=0, high=2**31 - 1, step=1)
    smoothing: float = _knob(
        0.5, "How much the motion is smoothed; 0 is off.", float, low=0, high=1, step=0.05,
        recommended=(0.0, 0.8), outside="above 0.8 quick closures such as p and b get lost", engine="light",
        phase="time",
    )  # fmt: skip
    audio_offset_ms: float = _knob(
        0.0, "Moves the lips against the sound, on top of the automatic alignment; positive makes the lips later.",
        float, low=-200, high=200, step=5, unit="ms", recommended=(-50, 50),
        outside="beyond 50 ms people see that lips and sound disagree", phase="time",
    )  # fmt: skip
    crf: int = _knob(
        18, "Video quality, H.264 constant rate factor: lower is better and larger.", int,
        low=0, high=40, step=1, recommended=(14, 26), outside="below 14 files grow for nothing, above 26 blocks show",
        phase="encode",
    )  # fmt: skip
    encoder_preset: str = _knob(
        "veryfast", "x264 speed: slower presets make smaller files.", str,
        choices=("ultrafast", "superfast", "veryfast", "faster", "medium", "slow"), phase="encode",
    )  # fmt: skip
    label_position: str = _knob(
        "auto", "Corner of the visible AI label, unless it would cover a face there; auto takes a top corner.", str,
        choices=("auto", "top-left", "top-right", "bottom-left", "bottom-right"), phase="mark",
    )  # fmt: skip
    label_span: str = _knob(
        "throughout", "When the visible AI label shows: throughout, or in the opening seconds.", str,
        choices=("throughout", "opening"), phase="mark",
    )  # fmt: skip
    language: str | None = _knob(
        None, "What the speech is in, a tag such as en or pt-BR: recorded, and asked for by some consents.", str,
        unset="not stated", phase="mark",
    )  # fmt: skip
    purpose: str | None = _knob(
        None, "What the video is for, such as education: recorded, and asked for by some consents.", str,
        unset="not stated", phase="mark",
    )  # fmt: skip

    device: str = _knob(
        "auto", "Where it computes: auto, cpu, cuda, cuda:1, or several, cuda:0,cuda:1.", str, engine="svd",
    )  # fmt: skip
    precision: str = _knob(
        "auto", "Number format of the networks; auto is fp16 on a GPU and fp32 on a CPU.", str,
        choices=("auto", "fp32", "fp16", "bf16"), engine="svd",
    )  # fmt: skip
    weights_precision: str = _knob(
        "same", "Format in which the UNet's weights are kept; fp8 halves them and is a little slower.", str,
        choices=("same", "fp8"), engine="svd",
    )  # fmt: skip
    offload: str = _knob(
        "auto", "What leaves the GPU while others work: nothing, whole models, or each block of the UNet too.", str,
        choices=("auto", "none", "models", "blocks"), engine="svd",
    )  # fmt: skip
    compile: str = _knob(
        "off", "Whether torch.compile makes the UNet faster, after some minutes of compiling.", str,
        choices=("off", "on"), engine="svd",
    )  # fmt: skip
    vae_tiling: str = _knob(
        "auto", "Whether pictures are decoded in tiles, which needs less memory; auto where they would not fit.", str,
        choices=("auto", "on", "off"), engine="svd",
    )  # fmt: skip
    rows_per_call: int | None = _knob(
        None, "Windows of 25 frames times passes of guidance that are computed at once.", int,
        low=1, high=64, step=1, unset="what fills the device and fits", engine="svd",
    )  # fmt: skip
    appearance_guidance: float = _knob(
        2.0, "How strongly the frames keep to the portrait; 1 saves a pass of the UNet.", float,
        low=0, high=10, step=0.1, recommended=(1, 3), outside="above 3 colours get hard", engine="svd",
    )  # fmt: skip
    appearance_guidance_start: float | None = _knob(
        None, "The same at the first denoising step; in between it changes evenly.", float,
        low=0, high=10, step=0.1, unset="appearance_guidance", engine="svd",
    )  # fmt: skip
    audio_guidance: float = _knob(
        7.5, "How strongly the frames keep to the speech.", float,
        low=0, high=20, step=0.1, recommended=(3, 9), outside="below 3 the lips get vague, above 9 they exaggerate",
        engine="svd",
    )  # fmt: skip
    audio_guidance_start: float | None = _knob(
        None, "The same at the first denoising step; in between it changes evenly.", float,
        low=0, high=20, step=0.1, unset="audio_guidance", engine="svd",
    )  # fmt: skip
    guidance_refresh: int = _knob(
        1, "Guidance is computed anew at every so many-th step and reused in between; 1 is as published.", int,
        low=1, high=10, step=1, recommended=(1, 3), outside="above 3 the guidance is stale", engine="svd",
    )  # fmt: skip
    window_overlap: int = _knob(
        0, "Frames that neighbouring windows share.", int, low=0, high=12, step=1, engine="svd",
    )  # fmt: skip
    window_shift: int = _knob(
        7, "Frames by which the windows move from step to step, which joins them.", int,
        low=0, high=24, step=1, engine="svd",
    )  # fmt: skip
    noise_strength: float = _knob(
        1.0, "Share of the denoising steps that are run, from a start nearer to the portrait.", float,
        low=0.05, high=1, step=0.05, recommended=(0.5, 1), outside="below 0.5 hardly anything moves", engine="svd",
    )  # fmt: skip
    sampler: str = _knob(
        "euler", "How a denoising step is taken: euler as published, or dpm++2m for fewer of them.", str,
        choices=("euler", "dpm++2m"), engine="svd",
    )  # fmt: skip
    weights_folder: str | None = _knob(
        None, "Folder of the published weights.", str,
        unset="SONIC_WEIGHTS, ComfyUI's models or the Hugging Face cache", engine="svd",
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name, knob in knobs().items():
            object.__setattr__(self, name, _checked(name, knob, getattr(self, name)))

    def notices(self) -> tuple[str, ...]:
        """One line for each value outside the range that the field recommends, or that the engine does not heed."""
        lines = []
        for name, knob in knobs().items():
            value = getattr(self, name)
            if knob.engine not in ("", self.engine):
                if value != DEFAULTS[name]:
                    lines.append(f"{name} {value} has no effect with engine {self.engine}")
                continue
            bounds = knob.tolerated or knob.recommended
            if knob.recommended and bounds and not bounds[0] <= value <= bounds[1]:
                low, high = knob.recommended
                lines.append(f"{name} {value:g}: {low:g} to {high:g} is recommended; {knob.outside}")
        return tuple(lines)

    def replace(self, **changes: Any) -> "Settings":
        """A copy with these settings changed; an unknown name raises SettingError."""
        _refuse_unknown(changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Plain values, for records and messages; fps as a fraction's text."""
        return {name: str(v) if isinstance(v := getattr(self, name), Fraction) else v for name in knobs()}


DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Settings)}
"""Name of each setting -> its value where nobody chose."""


_MAX_PRESET_BYTES = 64 * 1024


def knobs() -> dict[str, Knob]:
    """Name of each setting -> its knob, in the order in which front ends show them."""
    return {field.name: field.metadata["knob"] for field in dataclasses.fields(Settings)}


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset: a bundled name (see preset_names) or the path of a TOML file.

    Raises SettingError if there is no such preset, or the file is not TOML or names an unknown setting.
    """
    bundled = resources.files("sonic").joinpath("assets", "presets", f"{name}.toml")
    try:
        text = bundled.read_text("utf-8") if name in preset_names() else read_small_text(Path(name), _MAX_PRESET_BYTES)
        values = tomllib.loads(text)
    except OSError as error:
        known = ", ".join(preset_names())
        raise SettingError(
            f"preset {name!r} cannot be read ({error.strerror}); use one of {known}, or the path of a TOML file"
        ) from error
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: dates and huge numbers raise ValueError
        raise SettingError(f"preset {name!r} is not valid TOML: {' '.join(str(error).split())[:200]}") from error
    try:
        _refuse_unknown(values)
        Settings(**values)
    except SettingError as error:
        raise SettingError(f"preset {name!r}: {error}") from error
    return values


def preset_names() -> tuple[str, ...]:
    """The bundled presets."""
    folder = resources.files("sonic").joinpath("assets", "presets")
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in knobs():
            raise SettingError(f"{name!r} is not a setting; the settings are {', '.join(knobs())}")


def _checked(name: str, knob: Knob, value: Any) -> Any:
    if value is None and knob.unset:
        return None
    value = _converted(name, knob, value)
    if knob.choices and value not in knob.choices:
        raise SettingError(f"{name} is {value!r}; choose one of {', '.join(knob.choices)}")
    if knob.low is not None and knob.high is not None and not knob.low <= value <= knob.high:
        unit = f" {knob.unit}" if knob.unit else ""
        low, high = (f"{bound:.10g}" for bound in (knob.low, knob.high))
        raise SettingError(f"{name} is {_shown(value)}; it must be between {low} and {high}{unit}")
    return value


def _shown(number: int | float | Fraction) -> str:
    try:
        return f"{float(number):.10g}"
    except OverflowError:
        return "beyond all numbers"


def _converted(name: str, knob: Knob, value: Any) -> Any:
    """``value`` as the knob's type, without losing anything: 25.5 is no int and "fast" is no number."""
    try:
        if isinstance(value, bool) or ((knob.kind is str) != isinstance(value, str | Fraction) and knob.kind is str):
            raise ValueError
        if knob.kind is Fraction:
            return _frame_rate(Fraction(value))
        converted = knob.kind(value)
        if knob.kind is int and converted != float(value):
            raise ValueError
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        kind = {int: "a whole number", float: "a number", Fraction: "a number or a fraction", str: "a text"}[knob.kind]
        raise SettingError(f"{name} is {value!r}; it must be {kind}") from error
    return converted


def _frame_rate(fps: Fraction) -> Fraction:
    """29.97 is what people write for 30000/1001; other rates stay what they are."""
    ntsc = Fraction(round(fps * Fraction(1001, 1000)) * 1000, 1001)
    is_ntsc = fps.denominator > 1 and abs(fps - ntsc) < Fraction(1, 200)
    return ntsc if is_ntsc else fps.limit_denominator(1001)
