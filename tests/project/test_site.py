"""The documentation site's own code; the site itself is built by ``make docs``."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "make_site.py"


@pytest.fixture
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_site", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_links_between_pages_stay_and_links_to_code_become_text(site: ModuleType, tmp_path: Path) -> None:
    page = "[a](docs/a.md#part) [code](src/x.py) [web](https://example.org/x) ![picture](docs/pictures/p.webp)\n"
    write(
        tmp_path, {"README.md": page, "docs/a.md": "[up](../README.md)\n", "src/x.py": "", "docs/pictures/p.webp": ""}
    )
    out = tmp_path / "out"
    site.copy_pages(tmp_path, out)
    expected = "[a](docs/a.md#part) code [web](https://example.org/x) ![picture](docs/pictures/p.webp)\n"
    assert (out / "README.md").read_text(encoding="utf-8") == expected
    assert (out / "docs/a.md").read_text(encoding="utf-8") == "[up](../README.md)\n"
    assert (out / "docs/pictures/p.webp").exists()


def test_every_public_module_has_a_page_in_the_tree_of_packages(site: ModuleType, tmp_path: Path) -> None:
    names = ("__init__", "rooms/__init__", "rooms/hall", "_private", "rooms/_hidden", "no_package/loose")
    write(tmp_path, {f"sonic/{name}.py": "" for name in names})
    found = site.modules(tmp_path / "sonic")
    assert found == ["sonic", "sonic.rooms", "sonic.rooms.hall"]
    nav = site.reference(found, tmp_path / "out")
    hall = {"hall": "reference/sonic.rooms.hall.md"}
    assert nav == ["reference/sonic.md", {"rooms": ["reference/sonic.rooms.md", hall]}]
    assert "::: sonic.rooms.hall" in (tmp_path / "out/reference/sonic.rooms.hall.md").read_text(encoding="utf-8")


def test_a_public_docstring_that_no_page_shows_is_named(
    site: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = '''
class Box:
    """A box."""

    def open(self):
        """Open it."""

    def shut(self): ...

def _inside():
    """Nobody's business."""
'''
    write(tmp_path, {"sonic/hall.py": source, "site/reference/sonic.hall.html": '<h2 id="sonic.hall.Box">'})
    monkeypatch.setattr(site, "PACKAGE", tmp_path / "sonic")
    assert site.missing(["sonic.hall"], tmp_path / "site") == ["sonic.hall.Box.open"]


def test_every_page_is_in_the_navigation() -> None:
    root = SCRIPT.parents[1]
    pages = {path.relative_to(root).as_posix() for pattern in ("*.md", "docs/*.md") for path in root.glob(pattern)}
    assert pages
    text = (root / "docs" / "site.yml").read_text(encoding="utf-8")
    assert sorted(page for page in pages if page not in text) == []
