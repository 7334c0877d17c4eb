"""bench/structure.py counts a small tree as a person would."""

import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import structure  # noqa: E402

FILES = {
    "__init__.py": "from house.kitchen import cook\n",
    "kitchen/__init__.py": "from house.cellar import wine\nfrom .stove import heat\n",
    "kitchen/stove.py": "import os\n\ndef heat():\n    from house.kitchen import cook\n    return cook\n",
    "cellar.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house import attic\nwine = 1\n",
    "attic.py": "import house.cellar\n\nclass Box:\n    @staticmethod\n    def open():\n        return 1\n",
    "data/loose.py": "import house.attic\n",
}


def house(folder: Path) -> dict[str, structure.Module]:
    for name, text in FILES.items():
        path = folder / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return structure.read_modules(folder, "house")


def test_arrows_run_between_top_level_units_and_those_that_load_later_count_apart(tmp_path: Path) -> None:
    modules = house(tmp_path)
    assert set(modules) == {"house", "house.kitchen", "house.kitchen.stove", "house.cellar", "house.attic"}
    at_load = structure.unit_graph(structure.module_graph(modules, all_imports=False))
    assert at_load == {"kitchen": {"cellar"}, "cellar": set(), "attic": {"cellar"}}
    everything = structure.unit_graph(structure.module_graph(modules, all_imports=True))
    assert everything == {"kitchen": {"cellar"}, "cellar": {"attic"}, "attic": {"cellar"}}


def test_cycles_are_found_between_modules_and_between_units(tmp_path: Path) -> None:
    modules = house(tmp_path)
    assert structure.cycles(structure.module_graph(modules, all_imports=False)) == []
    everything = structure.module_graph(modules, all_imports=True)
    assert structure.cycles(everything) == [["house.attic", "house.cellar"], ["house.kitchen", "house.kitchen.stove"]]
    assert structure.cycles(structure.unit_graph(everything)) == [["attic", "cellar"]]


def test_a_function_is_as_long_as_its_text_with_decorators(tmp_path: Path) -> None:
    modules = house(tmp_path)
    assert modules["house.attic"].functions == {"house.attic.Box.open": 3}
    assert modules["house.kitchen.stove"].functions == {"house.kitchen.stove.heat": 3}


def test_the_table_of_this_package_has_no_cycle_at_load() -> None:
    modules = structure.read_modules(BENCH.parent / "src", "sonic")
    assert "| cycles of modules, at load | 0 |" in structure.structure_table(modules)
