"""Enough of ComfyUI's programming interface to load the nodes where there is no ComfyUI: it keeps what it is told.

It says nothing about whether a server would take them; tests/comfyui/test_server.py asks a real one.
"""

import dataclasses
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

PACK = Path(__file__).parents[2] / "comfyui"
NAMES = ("Image", "Audio", "Video", "Int", "Float", "String", "Boolean", "Combo", "MultiType")


class Kept:
    """An input or output: its kind, id and options."""

    def __init__(self, kind: str, id: str = "", *rest: Any, **options: Any) -> None:
        self.kind, self.id, self.rest, self.options = kind, id, rest, options


def _type(kind: str) -> Any:
    return SimpleNamespace(
        io_type=kind,
        Input=lambda *given, **options: Kept(kind, *given, **options),
        Output=lambda *given, **options: Kept(kind, *given, **options),
    )


@dataclasses.dataclass
class Schema:
    """As io.Schema: the fields that the pack uses."""

    node_id: str
    display_name: str
    category: str
    description: str = ""
    search_aliases: list[str] = dataclasses.field(default_factory=list)
    inputs: list[Kept] = dataclasses.field(default_factory=list)
    outputs: list[Kept] = dataclasses.field(default_factory=list)
    is_output_node: bool = False
    accept_all_inputs: bool = False


def modules() -> dict[str, ModuleType]:
    """What the pack imports from ComfyUI when it is loaded."""
    io, latest, paths = ModuleType("io"), ModuleType("comfy_api.latest"), ModuleType("folder_paths")
    for name in NAMES:
        setattr(io, name, _type(name.upper()))
    io.Custom, io.Schema, io.ComfyNode = _type, Schema, type("ComfyNode", (), {})  # type: ignore[attr-defined]
    io.Input, io.Output, io.NodeOutput = Kept, Kept, tuple  # type: ignore[attr-defined]
    io.Hidden = SimpleNamespace(prompt="PROMPT", unique_id="UNIQUE_ID")  # type: ignore[attr-defined]
    latest.io, latest.ui, latest.InputImpl = io, ModuleType("ui"), SimpleNamespace()  # type: ignore[attr-defined]
    latest.ComfyExtension = type("ComfyExtension", (), {})  # type: ignore[attr-defined]
    paths.get_user_directory = lambda: "no such folder"  # type: ignore[attr-defined]
    paths.get_input_directory = lambda: "no such folder"  # type: ignore[attr-defined]
    return {"comfy_api": ModuleType("comfy_api"), "comfy_api.latest": latest, "folder_paths": paths}


def load_pack(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The pack as ComfyUI loads it: as a package with a name of its own."""
    monkeypatch.setenv("SONIC_CACHE", os.environ.get("SONIC_CACHE", "unused"))  # so that what the pack sets is undone
    for name, module in modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location(
        "sonic_pack", PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    assert spec and spec.loader
    pack = importlib.util.module_from_spec(spec)
    for name in [name for name in sys.modules if name.split(".")[0] == "sonic_pack"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sonic_pack", pack)
    spec.loader.exec_module(pack)
    return pack
