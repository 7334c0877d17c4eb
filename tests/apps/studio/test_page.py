"""The page as it lies in the package: built from its sources, with words for all that the server may say."""

import hashlib
import re
from pathlib import Path

import pytest

from sonic.apps.studio import config
from sonic.settings import settings_table
from sonic.settings.words import LANGUAGES, setting_words
from sonic.types import Stage
from sonic.verification import STATES, VERDICTS

SOURCES = Path(__file__).parents[3] / "studio-web" / "src"
PAGE = Path(config.__file__).parent / "page"

pytestmark = pytest.mark.skipif(not SOURCES.is_dir(), reason="the sources of the page are in the repository alone")


def test_the_built_page_is_that_of_its_sources() -> None:
    digest = hashlib.sha256()
    for path in sorted(SOURCES.iterdir(), key=lambda path: path.name):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    first = (PAGE / "app.js").read_text("utf-8").partition("\n")[0]
    assert first == f"// sources {digest.hexdigest()}", "run: make studio-page"
    for name in ("index.html", "api.html", "icon.svg"):
        assert (PAGE / name).read_bytes() == (SOURCES / name).read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_verdicts_states_and_stages(language: str) -> None:
    text = (SOURCES / f"words_{language}.ts").read_text("utf-8")
    keys = set(re.findall(r'(?:"([^"]+)"|\b(\w+)): "', text))
    known = {quoted or bare for quoted, bare in keys}
    stages = set(Stage.__args__[:6]) | {"track", "hash", "pictures"}  # type: ignore[attr-defined]
    wanted = {f"verdict_{v}" for v in VERDICTS} | {f"state_{s}" for s in STATES} | {f"stage_{s}" for s in stages}
    wanted |= {f"phase_{entry.phase}" for entry in settings_table().values()}
    assert not wanted - known


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_setting_has_words(language: str) -> None:
    for name, entry in settings_table().items():
        words = setting_words(language)[name]
        assert words.label and words.help, name
        assert bool(words.outside) == bool(entry.outside) and bool(words.unset) == bool(entry.unset), name


def test_no_script_makes_markup_of_text() -> None:
    for path in SOURCES.glob("*.ts"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text()
        ), path
