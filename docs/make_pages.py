"""Write settings.md, help.md and the list of files in architecture.md from the code; a test holds them to it.

python docs/make_pages.py
"""

import argparse
import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import sonic
from sonic.apps.cli.parser import build_parser
from sonic.settings import Setting, Settings, settings_table
from sonic.settings.presets import preset, preset_names

DOCS = Path(__file__).parent
HEAD = ("| setting | default | range | recommended | what it does |", "|---|---|---|---|---|")


def settings_page() -> str:
    """The table of settings as Markdown."""
    lines = [
        "# Settings",
        "",
        "Made from `src/sonic/settings/` by `docs/make_pages.py`. On the command line `min_resolution` is",
        "`--min-resolution`; in Python it is `sonic.Settings(min_resolution=...)`; in a preset it is a line of TOML.",
        "",
        *HEAD,
    ]
    lines += [_row(name, entry) for name, entry in settings_table().items() if not entry.engine]
    for engine in sorted({entry.engine for entry in settings_table().values()} - {""}):
        lines += ["", f"## Engine `{engine}` alone", "", *HEAD]
        lines += [_row(name, entry) for name, entry in settings_table().items() if entry.engine == engine]
    lines += ["", "## Presets", ""]
    for name in preset_names():
        lines.append(f"- `{name}`: " + ", ".join(f"{key} {value}" for key, value in preset(name).items()))
    return "\n".join(lines) + "\n"


def _row(name: str, entry: Setting) -> str:
    value = getattr(Settings(), name)
    default = entry.unset if value is None else f"{value}"
    unit = f" {entry.unit}" if entry.unit else ""
    bounds = ", ".join(entry.choices)
    if entry.low is not None and entry.high is not None:
        bounds = f"{entry.low:.10g} to {entry.high:.10g}{unit}"
    advice = f"{entry.recommended[0]:g} to {entry.recommended[1]:g}: {entry.outside}" if entry.recommended else ""
    return f"| `{name}` | {default} | {bounds} | {advice} | {entry.help} |"


def help_page() -> str:
    """``--help`` of every command as Markdown, at a fixed width."""
    os.environ["COLUMNS"] = "100"
    pages = [f"## {part.prog}\n\n```\n{part.format_help().rstrip()}\n```\n" for part in _parsers(build_parser())]
    svd = next(part for part in _parsers(build_parser("svd")) if part.prog == "sonic generate")
    pages.append(f"## sonic generate --engine svd\n\n```\n{svd.format_help().rstrip()}\n```\n")
    return "# Commands\n\nMade from the code by `docs/make_pages.py`.\n\n" + "\n".join(pages)


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A command and all below it."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _parsers(below)


def file_list() -> str:
    """One line a source file: the first sentence of its docstring or opening comment."""
    root = Path(sonic.__file__).parent
    files = sorted(p for p in root.rglob("*") if p.suffix in (".py", ".c") and "__pycache__" not in p.parts)
    return "".join(f"- `{p.relative_to(root.parent)}`: {_first_line(p)}\n" for p in files)


def _first_line(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        text = ast.get_docstring(ast.parse(text)) or ""
    else:
        text = re.sub(r"^\s*/?\*+ ?", "", text, flags=re.M)
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[^0-9 ]\.)\s", paragraph)[0].rstrip(".:")


def architecture_page(text: str) -> str:
    """The page with its list of files made anew."""
    return re.sub(r"(?<=<!-- files -->\n).*(?=<!-- /files -->)", lambda _: "\n" + file_list() + "\n", text, flags=re.S)


def main() -> None:
    (DOCS / "settings.md").write_text(settings_page(), encoding="utf-8")
    (DOCS / "help.md").write_text(help_page(), encoding="utf-8")
    architecture = DOCS / "architecture.md"
    architecture.write_text(architecture_page(architecture.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
