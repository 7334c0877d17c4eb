"""Documents that the code writes, or that promise something about the code, still agree with it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_settings_and_help_pages_are_those_of_the_code(tmp_path: Path) -> None:
    pages = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("settings.md", "help.md")}
    maker = (ROOT / "docs" / "make_settings.py").read_text(encoding="utf-8")
    (tmp_path / "make_settings.py").write_text(maker, encoding="utf-8")
    subprocess.run([sys.executable, str(tmp_path / "make_settings.py")], check=True)
    for name, page in pages.items():
        made = (tmp_path / name).read_text(encoding="utf-8")
        if name == "settings.md" or sys.version_info[:2] == (3, 11):  # argparse words its help anew in each version
            assert made == page, f"run: python docs/make_settings.py ({name})"


def test_architecture_has_one_line_for_every_source_file() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    files = [p for p in (ROOT / "src" / "sonic").rglob("*") if p.suffix in (".py", ".c")]
    missing = [str(p.relative_to(ROOT / "src")) for p in files if f"`{p.relative_to(ROOT / 'src')}`" not in text]
    assert not missing, f"add a line to docs/architecture.md for {missing}"


def test_architecture_names_no_file_that_is_gone() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^- `(sonic/[^`]+)`", text, re.M)
    assert not [name for name in named if not (ROOT / "src" / name).exists()]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_links_in_the_readmes_lead_somewhere(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert not [link for link in links if "://" not in link and not (ROOT / link).exists()]


def test_both_readmes_show_the_same_commands_and_figures() -> None:
    def blocks(readme: str) -> list[str]:
        text = (ROOT / readme).read_text(encoding="utf-8")
        return re.findall(r"^    (?:sonic|make) .*?(?=  |$)", text, re.M)

    assert [b.strip() for b in blocks("README.md")] == [b.strip() for b in blocks("README.zh-CN.md")]


def test_versions_agree() -> None:
    import sonic

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == sonic.__version__
