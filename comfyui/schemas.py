"""Inputs of nodes, made from sonic.settings.knobs(): one source of ranges, defaults and tooltips."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from comfy_api.latest import io

from sonic.settings import DEFAULTS, Knob, Settings, knobs

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
LOST_AS_IMAGES = (
    "The pictures carry the drawn label and the invisible watermark. What is lost when frames leave as IMAGE: the "
    "signature (Content Credentials), the AIGC metadata and the record; a file that another node saves has none of "
    "them. Sonic Video Output keeps all."
)


def inputs(names: tuple[str, ...], *, advanced: tuple[str, ...] = ()) -> list[io.Input]:
    """Widgets for these settings; those in ``advanced`` are folded away."""
    return [knob_input(name, advanced=name in advanced) for name in names]


def knob_input(name: str, *, advanced: bool = False) -> io.Input:
    """The widget of one setting, with its range, default and tooltip."""
    knob, default = knobs()[name], shown_default(name)
    rest: dict[str, Any] = {"tooltip": tooltip(name), "default": default}
    if advanced:
        rest["extra_dict"] = {"advanced": True}
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


def chosen(widgets: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from widgets: what shows that nobody chose is None; anything that is no setting is left out."""
    table = knobs()
    values = {name: value for name, value in widgets.items() if name in table}
    for name, value in values.items():
        if table[name].unset and value == unset_value(table[name]):
            values[name] = None
        if isinstance(value, str):
            values[name] = value.strip() or (None if table[name].unset else DEFAULTS[name])
    return values


def settings_of(*widgets: Mapping[str, Any]) -> Settings:
    """Settings from widgets of one or more nodes. Raises SettingError."""
    return Settings(**{name: value for one in widgets for name, value in chosen(one).items()})


def schema(node_id: str, display_name: str, **parts: Any) -> io.Schema:
    """A schema in the category Sonic; fields that an older ComfyUI does not know are left out."""
    import dataclasses

    known = {field.name for field in dataclasses.fields(io.Schema)}
    parts = {name: value for name, value in parts.items() if name in known}
    return io.Schema(node_id=node_id, display_name=display_name, category="Sonic", **parts)
