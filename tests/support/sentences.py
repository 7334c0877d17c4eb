"""The sentences in the source that people may read of the library: those of errors and notices, as templates."""

import ast
from collections.abc import Iterator
from pathlib import Path

import sonic
from sonic import errors

ROOT = Path(sonic.__file__).parent
NOT_READ = ("training/", "apps/cli/", "apps/batch/", "engines/svd/", "doctor.py", "notebook.py", "assets/")
"""What speaks to people at a terminal alone, or to those who train."""
ALL_READ = (
    "verification/messages.py", "verification/verdict.py", "verification/report.py", "verification/__init__.py",
    "faces/quality.py", "faces/framing.py", "faces/detect.py", "faces/portrait.py", "media/tracks.py",
    "media/kinds.py", "media/photo.py", "captions/timing.py", "pipeline/captioning.py",
    "provenance/consent/check.py", "provenance/consent/terms.py", "provenance/policy.py", "settings/table.py",
    "apps/studio/problems.py",
)  # fmt: skip
"""Modules in which sentences are put together before they are raised or told."""
SAID = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {"Refused", "Missing", "Problem"}
FEWEST_WORDS = 2


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Path below sonic, and what is in it."""
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def sentences() -> Iterator[tuple[str, str]]:
    """(where, template) of everything that a front end may show, with {} for each value."""
    for name, tree in modules():
        if name.startswith(NOT_READ):
            continue
        found = _templates(tree) if name in ALL_READ else _templates_said(tree)
        yield from ((f"{name}:{line}", text) for line, text in found if is_sentence(text))


def constants() -> str:
    """All texts of the source but comments, one a line."""
    return "\n".join(text for _, tree in modules() for _, text in _templates(tree))


def is_sentence(text: str) -> bool:
    """Whether these are words for people: not a name, a path, SQL or an option."""
    if "%s" in text:  # of a log
        return False
    words = [word.strip(".,;:()") for word in text.replace("{}", " ").split()]
    return sum(word.isascii() and word.isalpha() and word.islower() for word in words) >= FEWEST_WORDS


def _templates_said(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in SAID or called.rstrip("s").endswith("notice"):
                for argument in node.args:
                    yield from _templates(argument)


def _templates(tree: ast.AST) -> Iterator[tuple[int, str]]:
    within = {id(part) for part in _parts(tree)}
    for node in ast.walk(tree):
        if id(node) in within:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _parts(tree: ast.AST) -> Iterator[ast.AST]:
    """Texts that are told with the one around them, and docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield from (part for part in node.values if isinstance(part, ast.Constant))
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            yield from ast.walk(node.format_spec)
