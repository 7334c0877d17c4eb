"""Documents that the code writes, or that promise something about the code, still agree with it."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_pages_made_from_the_code_agree_with_it(tmp_path: Path) -> None:
    names = ("settings.md", "help.md", "architecture.md")
    pages = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in names}
    for name in ("make_pages.py", "architecture.md"):
        shutil.copy(ROOT / "docs" / name, tmp_path)
    subprocess.run([sys.executable, str(tmp_path / "make_pages.py")], check=True)
    for name, page in pages.items():
        made = (tmp_path / name).read_text(encoding="utf-8")
        if name != "help.md" or sys.version_info[:2] == (3, 11):  # argparse words its help anew in each version
            assert made == page, f"run: python docs/make_pages.py ({name})"


def test_every_source_file_says_in_one_line_what_it_is() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = re.findall(r"^- `sonic/\S+`: (.*)$", text, re.M)
    assert len(lines) > 40
    assert all(10 <= len(line) <= 200 for line in lines), [line for line in lines if not 10 <= len(line) <= 200]


def test_every_file_of_the_benchmarks_is_explained() -> None:
    text = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    files = [path.name for path in (ROOT / "bench").glob("*.py")]
    assert files
    assert not [name for name in files if f"`{name}" not in text], "add it to bench/README.md"


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_links_in_the_readmes_lead_somewhere(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert not [link for link in links if "://" not in link and not (ROOT / link).exists()]


def test_both_readmes_show_the_same_commands_and_figures() -> None:
    def blocks(readme: str) -> list[str]:
        text = (ROOT / readme).read_text(encoding="utf-8")
        return re.findall(r"^    (?:\S*sonic|make) .*?(?=  |$)", text, re.M)

    assert [b.strip() for b in blocks("README.md")] == [b.strip() for b in blocks("README.zh-CN.md")]


def test_versions_agree() -> None:
    import sonic

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == sonic.__version__
