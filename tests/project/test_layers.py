"""Imports go one way: a module may import only from its own package and from rows below its own."""

import ast
import re
from pathlib import Path

import pytest

import sonic

ROOT = Path(sonic.__file__).parent
ROWS = (
    {
        *("types", "settings", "language", "errors", "files", "hashing", "signals", "weights", "counts", "unfinished"),
        *("published", "downloads"),
    },
    {"media", "speech", "faces", "motion", "captions"},
    {"provenance", "engines"},
    {"pipeline"},
    {"session"},
    {"api", "demo", "evaluation", "verification", "doctor", "notebook"},
    {"apps"},
)
"""From the bottom up. Packages of one row may import one another, except engines, which nothing in their row sees."""
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}
TRAINING_MAY_SEE = ROWS[0] | ROWS[1] | {"engines", "evaluation"}
GPU_ONLY = {"torch", "diffusers", "transformers"}
CLUSTER = ROOT / "apps" / "batch" / "cluster.py"
"""The only place of Ray."""
STORES = ROOT / "apps" / "batch" / "stores.py"
"""The only place of fsspec."""


def modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py") if "assets" not in p.relative_to(ROOT).parts)


def unit_of(path: Path) -> str:
    """First name below ``sonic``: the module, or the package that it belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} if node.module != "sonic" else {f"sonic.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    unit = unit_of(path)
    if unit in ("__init__", "__main__"):
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "sonic" or len(parts) < 2 or parts[1] in (unit, "__version__"):
            continue
        if unit == "training":
            assert parts[1] in TRAINING_MAY_SEE, f"training imports {name}"
            continue
        if parts[1] == "training" and unit == "apps":
            continue
        assert parts[1] in ROW_OF, f"{unit} imports {name}, which is in no row; only apps may know of training"
        assert ROW_OF[parts[1]] <= ROW_OF[unit], f"{unit} imports {name}, which is above it"
        assert (unit, parts[1]) not in {("provenance", "engines"), ("engines", "provenance")}, f"{unit} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_packages_stay_in_their_place(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported(path)}
    assert "ray" not in roots or path == CLUSTER
    assert "fsspec" not in roots or path == STORES
    if unit_of(path) != "training" and ROOT / "engines" / "svd" not in path.parents:
        assert not roots & GPU_ONLY


def test_the_architecture_page_shows_these_rows() -> None:
    page = (ROOT.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (\d+) \| ([a-z ]+?)(?: \(.*\))? \|$", page, re.M)
    assert {int(row): set(names.split()) for row, names in shown} == dict(enumerate(ROWS, start=1))


def test_every_module_has_a_row() -> None:
    units = {unit_of(p) for p in modules()} - {"__init__", "__main__", "training"}
    assert units <= set(ROW_OF), f"add {units - set(ROW_OF)} to ROWS and to docs/architecture.md"
