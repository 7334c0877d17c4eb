"""Inputs of nodes, made from sonic.settings.knobs(): one source of ranges, defaults and tooltips."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from comfy_api.latest import io

from sonic.settings import DEFAULTS, Knob, knobs

PORTRAIT = io.Custom("SONIC_PORTRAIT")
PREPARED = io.Custom("SONIC_PREPARED")
MOTION = io.Custom("SONIC_MOTION")
FRAMES = io.Custom("SONIC_FRAMES")
CONSENT = io.Custom("SONIC_CONSENT")
SVD = io.Custom("SONIC_SVD_OPTIONS")

FRAMING = ("duration", "min_resolution", "framing", "expand_ratio", "face")
"""Settings of SONIC_PreData; face stands on Sonic Portrait as well."""
DRIVING = ("engine", "inference_steps", "dynamic_scale", "motion_scale", "blink_scale", "fps", "seed")
"""Settings of Sonic Inference."""
TIMING = ("audio_offset_ms", "smoothing")
"""Settings of Post-Processing."""
MARKING = ("label_position", "label_span", "language", "purpose")
"""Settings of every exit."""
ENCODING = ("crf", "encoder_preset")
"""Settings of what writes a file."""
SVD_ONLY = tuple(name for name, knob in knobs().items() if knob.engine == "svd")
"""Settings of SVD Options."""
ELSEWHERE = {
    "audio_track": "AUDIO is one track; the node that loads it chooses",
    "clip_vision": "it is not needed",
    "vae": "it is not needed",
    "model": "it is not needed",
    "weight_dtype": "see precision of Sonic Official Weights Options",
    "dtype": "see precision of Sonic Official Weights Options",
    "ip_audio_scale": "see audio_guidance of Sonic Official Weights Options",
    "use_interframe": "frames in between are always made",
    "image": "it goes into portrait",
    "frame_num": "see duration of SONIC_PreData",
    "lip_sync_calibration": "see audio_offset_ms of Post-Processing, 0.02 s are 20",
    "lip_sync_offset": "see audio_offset_ms of Post-Processing, 0.02 s are 20",
    "motion_smoothing": "see smoothing of Post-Processing",
    "color_lock": "colours are always held",
    "colour_lock": "colours are always held",
}
"""What workflows of other Sonic nodes and of tutorials give -> where it is now."""
LOST_AS_IMAGES = (
    "The pictures carry the drawn label and the invisible watermark. What is lost when frames leave as IMAGE: the "
    "signature (Content Credentials), the AIGC metadata and the record; a file that another node saves has none of "
    "them. Sonic Video Output keeps all."
)


def inputs(names: tuple[str, ...], *, advanced: tuple[str, ...] = ()) -> list[io.Input]:
    """Widgets for these settings; those in ``advanced`` are folded away."""
    return [folded(knob_input(name)) if name in advanced else knob_input(name) for name in names]


def folded(widget: io.Input) -> io.Input:
    """The widget among the advanced ones; set like this because older releases have no argument for it."""
    widget.extra_dict = {"advanced": True}
    return widget


def knob_input(name: str) -> io.Input:
    """The widget of one setting, with its range, default and tooltip."""
    knob, default = knobs()[name], shown_default(name)
    rest: dict[str, Any] = {"tooltip": tooltip(name), "default": default}
    if name == "engine":
        from sonic.engines import engine_names

        return io.Combo.Input(name, options=sorted(engine_names()), **rest)
    if knob.choices:
        return io.Combo.Input(name, options=list(knob.choices), **rest)
    if knob.kind is str:
        return io.String.Input(name, **rest)
    low = min(knob.low, unset_value(knob)) if knob.unset else knob.low
    bounds = {"min": low, "max": knob.high, "step": knob.step}
    if knob.kind is int:
        seeded = {"control_after_generate": True} if name == "seed" else {}
        return io.Int.Input(name, **rest, **seeded, **{key: int(value) for key, value in bounds.items()})
    return io.Float.Input(name, **rest, **{key: float(value) for key, value in bounds.items()})


def unset_value(knob: Knob) -> float | str:
    """What a widget shows for a setting that nobody chose: widgets cannot be empty."""
    if knob.kind is str:
        return ""
    return 0 if knob.low is None or knob.low > 0 else -1


def shown_default(name: str) -> Any:
    """The default of a setting as its widget has it."""
    knob, value = knobs()[name], DEFAULTS[name]
    if value is None:
        value = unset_value(knob)
    return float(value) if knob.kind in (float, Fraction) else value


def tooltip(name: str) -> str:
    """All that settings.py says about one setting."""
    knob = knobs()[name]
    parts = [knob.help]
    if knob.unset:
        nothing = unset_value(knob)
        parts.append(f"Empty: {knob.unset}." if nothing == "" else f"{nothing}: {knob.unset}.")
    if knob.recommended:
        low, high = (f"{bound:g}" for bound in knob.recommended)
        unit = f" {knob.unit}" if knob.unit else ""
        parts.append(f"Recommended: {low} to {high}{unit}; {knob.outside}.")
    if knob.engine:
        parts.append(f"Heeded by engine {knob.engine} alone.")
    return " ".join(parts)


def chosen(widgets: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The settings ``names`` from widgets: what shows that nobody chose is None; anything else is left out."""
    table = knobs()
    values = {name: value for name, value in widgets.items() if name in names}
    for name, value in values.items():
        if table[name].unset and value == unset_value(table[name]):
            values[name] = None
        if isinstance(value, str):
            values[name] = value.strip() or (None if table[name].unset else DEFAULTS[name])
    return values


def answers(widgets: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """One line for each input that a workflow gives and a node does not have, so that none is ignored in silence."""
    unknown = [name for name in widgets if name not in names]
    return tuple(f"{name} is no input of this node: {ELSEWHERE.get(name, 'it is ignored')}" for name in unknown)


def schema(node_id: str, display_name: str, **parts: Any) -> io.Schema:
    """A schema in the category Sonic; fields that an older ComfyUI does not know are left out."""
    import dataclasses

    known = {field.name for field in dataclasses.fields(io.Schema)}
    parts["accept_all_inputs"] = True  # see answers()
    parts = {name: value for name, value in parts.items() if name in known}
    return io.Schema(node_id=node_id, display_name=display_name, category="Sonic", **parts)
