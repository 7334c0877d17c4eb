"""Inputs of nodes, made from sonic.settings.settings_table(): one source of ranges, defaults and tooltips."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from comfy_api.latest import io

from sonic.settings import DEFAULTS, Phase, Setting, settings_table

PORTRAIT = io.Custom("SONIC_PORTRAIT")
PREPARED = io.Custom("SONIC_PREPARED")
MOTION = io.Custom("SONIC_MOTION")
FRAMES = io.Custom("SONIC_FRAMES")
CONSENT = io.Custom("SONIC_CONSENT")
SVD = io.Custom("SONIC_SVD_OPTIONS")


def _of(*phases: Phase) -> tuple[str, ...]:
    """The settings of these phases, without those of engine svd, which have a node of their own."""
    return tuple(name for name, entry in settings_table().items() if entry.phase in phases and entry.engine != "svd")


FRAMING = _of("speech", "frame")
"""Settings of SONIC_PreData; face stands on Sonic Portrait as well."""
DRIVING = _of("drive")
"""Settings of Sonic Inference."""
TIMING = _of("time")
"""Settings of Post-Processing."""
MARKING = _of("mark")
"""Settings of every exit."""
ENCODING = _of("encode")
"""Settings of what writes a file."""
SVD_ONLY = tuple(name for name, entry in settings_table().items() if entry.engine == "svd")
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
    return [folded(setting_input(name)) if name in advanced else setting_input(name) for name in names]


def folded(widget: io.Input) -> io.Input:
    """The widget among the advanced ones; set like this because older releases have no argument for it."""
    widget.extra_dict = {"advanced": True}
    return widget


def setting_input(name: str) -> io.Input:
    """The widget of one setting, with its range, default and tooltip."""
    entry, default = settings_table()[name], shown_default(name)
    rest: dict[str, Any] = {"tooltip": tooltip(name), "default": default}
    if name == "engine":
        from sonic.engines import engine_names

        return io.Combo.Input(name, options=sorted(engine_names()), **rest)
    if entry.choices:
        return io.Combo.Input(name, options=list(entry.choices), **rest)
    if entry.kind is str:
        return io.String.Input(name, **rest)
    low = min(entry.low, unset_value(entry)) if entry.unset else entry.low
    bounds = {"min": low, "max": entry.high, "step": entry.step}
    if entry.kind is int:
        seeded = {"control_after_generate": True} if name == "seed" else {}
        return io.Int.Input(name, **rest, **seeded, **{key: int(value) for key, value in bounds.items()})
    return io.Float.Input(name, **rest, **{key: float(value) for key, value in bounds.items()})


def unset_value(entry: Setting) -> float | str:
    """What a widget shows for a setting that nobody chose: widgets cannot be empty."""
    if entry.kind is str:
        return ""
    return 0 if entry.low is None or entry.low > 0 else -1


def shown_default(name: str) -> Any:
    """The default of a setting as its widget has it."""
    entry, value = settings_table()[name], DEFAULTS[name]
    if value is None:
        value = unset_value(entry)
    return float(value) if entry.kind in (float, Fraction) else value


def tooltip(name: str) -> str:
    """All that the table says about one setting."""
    entry = settings_table()[name]
    parts = [entry.help]
    if entry.unset:
        nothing = unset_value(entry)
        parts.append(f"Empty: {entry.unset}." if nothing == "" else f"{nothing}: {entry.unset}.")
    if entry.recommended:
        low, high = (f"{bound:g}" for bound in entry.recommended)
        unit = f" {entry.unit}" if entry.unit else ""
        parts.append(f"Recommended: {low} to {high}{unit}; {entry.outside}.")
    if entry.engine:
        parts.append(f"Only for engine {entry.engine}.")
    return " ".join(parts)


def chosen(widgets: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The settings ``names`` from widgets: what shows that nobody chose is None; anything else is left out."""
    table = settings_table()
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
    parts["hidden"] = [io.Hidden.prompt, io.Hidden.unique_id]  # see wording.file_names()
    parts = {name: value for name, value in parts.items() if name in known}
    return io.Schema(node_id=node_id, display_name=display_name, category="Sonic", **parts)
