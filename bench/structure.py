"""The shape of a source tree in numbers: packages, modules, arrows between top-level units, import cycles, lengths.

    python bench/structure.py [--source src] [--package sonic] [--times 5]

Method: read from the syntax trees; nothing is imported. A top-level unit is the first name below the package: a module
or a package with all that is in it. An arrow is an ordered pair of units of which the first imports the second. A cycle
is a set of modules (or units) each of which reaches every other by imports. Imports that run when a module is loaded
are counted first; "with those inside functions" adds imports in function bodies and under TYPE_CHECKING, which load
later or never. ``--times N`` starts N fresh interpreters for each import time and gives the median, after an uncounted
run.
"""

import argparse
import ast
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from report import table

Graph = Mapping[str, set[str]]
N_LONGEST = 5


@dataclass
class Module:
    """One source file as its syntax tree shows it."""

    name: str
    is_package: bool
    n_lines: int
    at_load: set[str] = field(default_factory=set)
    """Names that are imported when the module is loaded, not yet resolved to modules."""
    later: set[str] = field(default_factory=set)
    """Names imported inside functions or for the type checker alone."""
    functions: dict[str, int] = field(default_factory=dict)
    """Lines of each function by its dotted name, decorators included."""


def read_modules(source: Path, package: str) -> dict[str, Module]:
    """Every module of ``source/package`` by its dotted name; folders without __init__.py hold data, not modules."""
    modules = {}
    for path in sorted((source / package).rglob("*.py")):
        if not (path.parent / "__init__.py").exists():
            continue
        parts = path.relative_to(source).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = _read(path.read_text(encoding="utf-8"), name, is_package)
    return modules


def _read(text: str, name: str, is_package: bool) -> Module:
    module = Module(name, is_package, len(text.splitlines()))
    _visit(ast.parse(text), module, prefix=name, loads=True)
    return module


def _visit(node: ast.AST, module: Module, *, prefix: str, loads: bool) -> None:
    for child in ast.iter_child_nodes(node):
        below, child_loads = prefix, loads
        if isinstance(child, ast.Import | ast.ImportFrom):
            (module.at_load if loads else module.later).update(_imported(child, module))
        elif isinstance(child, ast.ClassDef):
            below = f"{prefix}.{child.name}"
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            below, child_loads = f"{prefix}.{child.name}", False
            first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            module.functions[below] = (child.end_lineno or child.lineno) - first + 1
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            child_loads = False
        _visit(child, module, prefix=below, loads=child_loads)


def _imported(node: ast.Import | ast.ImportFrom, module: Module) -> Iterator[str]:
    """Dotted names; ``from a import b`` gives a.b, which may turn out to be a name within a."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        parts = module.name.split(".")
        above = parts[: len(parts) - node.level + module.is_package]
        base = ".".join([*above, base] if base else above)
    yield from (f"{base}.{alias.name}" for alias in node.names)


def module_graph(modules: Mapping[str, Module], *, all_imports: bool) -> dict[str, set[str]]:
    """Which module imports which, within the package."""
    graph = {}
    for name, module in modules.items():
        wanted = module.at_load | module.later if all_imports else module.at_load
        found = {target for target in (_resolve(each, modules) for each in wanted) if target}
        graph[name] = found - {name}
    return graph


def _resolve(name: str, modules: Mapping[str, Module]) -> str | None:
    """The module that ``name`` is, or lies in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def unit_graph(graph: Graph) -> dict[str, set[str]]:
    """The same between top-level units; the package's own __init__, which lists the public names, is left out."""
    units: dict[str, set[str]] = {}
    for name, targets in graph.items():
        if "." not in name:
            continue
        unit = name.split(".")[1]
        reached = {target.split(".")[1] for target in targets if "." in target}
        units.setdefault(unit, set()).update(reached - {unit})
    return units


def cycles(graph: Graph) -> list[list[str]]:
    """Sets of more than one node that all reach each other, largest first."""
    reach = {node: _reachable(node, graph) for node in graph}
    rings = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph if node in reach[node]}
    return sorted((sorted(ring) for ring in rings), key=lambda ring: (-len(ring), ring))


def _reachable(start: str, graph: Graph) -> set[str]:
    """What is reached from ``start`` in one step or more."""
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(graph.get(node, ()))
    return seen


def structure_table(modules: Mapping[str, Module]) -> str:
    """Counts as a Markdown table."""
    load, whole = (module_graph(modules, all_imports=each) for each in (False, True))
    load_units, whole_units = unit_graph(load), unit_graph(whole)
    lengths = [n for module in modules.values() for n in module.functions.values()]
    rows = [
        ("packages", sum(module.is_package for module in modules.values())),
        ("modules", len(modules)),
        ("top-level units", len(whole_units)),
        ("arrows between top-level units, at load", sum(map(len, load_units.values()))),
        ("arrows, with those inside functions", sum(map(len, whole_units.values()))),
        ("cycles of top-level units, at load", len(cycles(load_units))),
        ("cycles of top-level units, with those inside functions", len(cycles(whole_units))),
        ("cycles of modules, at load", len(cycles(load))),
        ("cycles of modules, with those inside functions", len(cycles(whole))),
        ("lines", sum(module.n_lines for module in modules.values())),
        ("modules over 300 lines", sum(module.n_lines > 300 for module in modules.values())),
        ("functions", len(lengths)),
        ("lines of a function, median", round(statistics.median(lengths)) if lengths else 0),
        ("functions over 25 lines", sum(n > 25 for n in lengths)),
        ("functions over 40 lines", sum(n > 40 for n in lengths)),
    ]
    return table(("measure", "count"), ([name, str(count)] for name, count in rows))


def longest_table(modules: Mapping[str, Module]) -> str:
    """The longest modules and functions."""
    by_lines = sorted(modules.values(), key=lambda module: -module.n_lines)[:N_LONGEST]
    functions = {name: n for module in modules.values() for name, n in module.functions.items()}
    longest = sorted(functions, key=lambda name: -functions[name])[:N_LONGEST]
    rows = [["module", module.name, str(module.n_lines)] for module in by_lines]
    rows += [["function", name, str(functions[name])] for name in longest]
    return table(("kind", "longest", "lines"), rows)


def cycle_lines(modules: Mapping[str, Module]) -> str:
    """Each cycle by name, one a line."""
    lines = []
    for when, everything in (("at load", False), ("with imports inside functions", True)):
        graph = module_graph(modules, all_imports=everything)
        lines += [f"units, {when}: {' <-> '.join(ring)}" for ring in cycles(unit_graph(graph))]
        lines += [f"modules, {when}: {' <-> '.join(ring)}" for ring in cycles(graph)]
    return "\n".join(lines) or "no cycles"


def time_table(package: str, source: Path, runs: int) -> str:
    """Median wall time of fresh interpreters."""
    commands = {
        "python -c pass": ["-c", "pass"],
        f"import {package}": ["-c", f"import {package}"],
        f"{package} --help": ["-m", package, "--help"],
    }
    return table(("start", "median ms"), ([name, f"{_median_ms(c, source, runs):.0f}"] for name, c in commands.items()))


def _median_ms(options: list[str], source: Path, runs: int) -> float:
    environment = os.environ | {"PYTHONPATH": str(source.resolve())}
    times_ms = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *options], check=True, capture_output=True, env=environment)
        times_ms.append(1000 * (time.perf_counter() - began))
    return statistics.median(times_ms[1:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=Path(__file__).parents[1] / "src", help="folder of the package")
    parser.add_argument("--package", default="sonic")
    parser.add_argument("--times", type=int, default=0, metavar="N", help="also import times, medians of N starts")
    arguments = parser.parse_args()
    modules = read_modules(arguments.source, arguments.package)
    if not modules:
        parser.error(f"no package {arguments.package} in {arguments.source}; name its folder with --source")
    print(structure_table(modules), longest_table(modules), cycle_lines(modules), sep="\n\n")
    if arguments.times:
        print("\n" + time_table(arguments.package, arguments.source, arguments.times))
    return 0


if __name__ == "__main__":
    sys.exit(main())
