"""What all tests share: a home of their own; hypothesis draws the same examples every time, however long each takes;
Ctrl-C reaches what a test starts.
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("same-everywhere", derandomize=True, deadline=None)
settings.load_profile("same-everywhere")

# Started in the background by a shell, we would ignore SIGINT, and so would every process that a test stops with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the user's keys, consents and log; the key is made once in a run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SONIC_") and name != "SONIC_GOLDEN"]:
            patch.delenv(name)
        patch.setenv("SONIC_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, for the tests of what is kept there."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SONIC_HOME", str(folder))
    return folder
