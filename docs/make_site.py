"""The documentation site: the pages of the repository as they are, and a reference page for every module.

    python docs/make_site.py            builds build/site; needs the dependency group `docs` (make docs)

Fails on any warning of mkdocs, and if a public docstring is missing from the reference.
"""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
SOURCE, SITE, CONFIG = BUILD / "site-source", BUILD / "site", BUILD / "site.yml"
PACKAGE = ROOT / "src" / "sonic"
PAGES = ("*.md", "docs/*.md", "bench/README.md")
FILES = ("LICENSE", "NOTICE", "docs/pictures/*")
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#]+)(#[^)]*)?\)")


def copy_pages(root: Path = ROOT, source: Path = SOURCE) -> None:
    """Pages and pictures in the layout of the repository, so that links between them hold."""
    for path in _matching(root, PAGES + FILES):
        target = source / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for page in source.rglob("*.md"):
        _unlink_code(page)


def _unlink_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    page.write_text(LINK.sub(lambda link: _kept(link, page), text), encoding="utf-8")


def _matching(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    return (path for pattern in patterns for path in sorted(root.glob(pattern)))


def _kept(link: re.Match[str], page: Path) -> str:
    """A link, or its text alone where it leads into the source code, which the site does not have."""
    there = "://" in link[2] or (page.parent / link[2]).is_file()
    return link[0] if there else link[1]


def modules(package: Path = PACKAGE) -> list[str]:
    """Dotted names of all modules without a leading underscore, packages before what is in them."""
    names = []
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        inside = all(
            (folder / "__init__.py").exists() for folder in path.parents if package in (folder, *folder.parents)
        )
        public = not any(part.startswith("_") for part in parts if part != "__init__")
        if inside and public:
            names.append(".".join(part for part in parts if part != "__init__"))
    return sorted(names)


def reference(names: list[str], source: Path = SOURCE) -> list[Any]:
    """Write a page a module; the pages as a tree for mkdocs' ``nav``."""
    tree: dict[str, Any] = {}
    for name in names:
        page = source / "reference" / f"{name}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f"# `{name}`\n\n::: {name}\n", encoding="utf-8")
        branch = tree
        for part in name.split("."):
            branch = branch.setdefault(part, {})
        branch[""] = f"reference/{name}.md"
    return _nav(tree["sonic"])


def _nav(branch: dict[str, Any]) -> list[Any]:
    items: list[Any] = [branch[""]]
    for name, below in branch.items():
        if name:
            items.append({name: below[""] if len(below) == 1 else _nav(below)})
    return items


def public_docstrings(path: Path, name: str) -> Iterator[str]:
    """Dotted names of the module's public functions, classes and methods that have a docstring."""
    yield from _documented(ast.parse(path.read_text(encoding="utf-8")), name)


def _documented(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            if ast.get_docstring(child):
                yield f"{prefix}.{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from _documented(child, f"{prefix}.{child.name}")


def missing(names: list[str], site: Path = SITE) -> list[str]:
    """Public docstrings that no page of the reference shows."""
    found = []
    for name in names:
        path = PACKAGE.parent.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        shown = (site / "reference" / f"{name}.html").read_text(encoding="utf-8")
        found += [each for each in public_docstrings(path, name) if f'id="{each}"' not in shown]
    return found


def main() -> int:
    import yaml

    shutil.rmtree(SOURCE, ignore_errors=True)
    copy_pages()
    names = modules()
    config = yaml.safe_load((ROOT / "docs" / "site.yml").read_text(encoding="utf-8"))
    config |= {"docs_dir": str(SOURCE), "site_dir": str(SITE)}
    config["nav"].append({"Python API": reference(names)})
    for plugin in config["plugins"]:
        if "mkdocstrings" in plugin:
            plugin["mkdocstrings"]["handlers"]["python"]["paths"] = [str(PACKAGE.parent)]
    CONFIG.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(CONFIG)]
    if code := subprocess.run(command, check=False).returncode:  # noqa: S603
        return code
    if lost := missing(names):
        sys.exit(f"public docstrings that no page shows: {', '.join(lost)}")
    print(f"{SITE.relative_to(ROOT)}: {len(list(SITE.rglob('*.html')))} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
