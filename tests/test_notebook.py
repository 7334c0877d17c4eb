"""Progress in notebooks: bars by tqdm where somebody watches, and silence everywhere else."""

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from sonic.notebook import Bars, progress_bar
from sonic.types import Progress


class Bar:
    """As much of tqdm as is used."""

    made: ClassVar[list["Bar"]] = []

    def __init__(self, total: int, desc: str, unit: str) -> None:
        self.total, self.desc, self.n, self.closed = total, desc, 0, False
        Bar.made.append(self)

    def update(self, n: int) -> None:
        self.n += n

    def close(self) -> None:
        self.closed = True


def in_a(shell: object, monkeypatch: pytest.MonkeyPatch, tqdm: Any) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "tqdm.auto", tqdm)


def test_a_script_and_a_terminal_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress_bar() is None
    in_a(SimpleNamespace(), monkeypatch, SimpleNamespace(tqdm=Bar))
    assert progress_bar() is None


def test_a_notebook_without_tqdm_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a(SimpleNamespace(kernel=1), monkeypatch, None)
    assert progress_bar() is None


def test_a_notebook_sees_a_bar_for_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a(SimpleNamespace(kernel=1), monkeypatch, SimpleNamespace(tqdm=Bar))
    Bar.made.clear()
    bars = progress_bar()
    assert isinstance(bars, Bars)
    for done in (0, 1, 3):
        bars(Progress("analyse", done, 3))
    for done in (0, 4, 10):
        bars(Progress("video", done, 10))
    assert [(bar.total, bar.n, bar.closed) for bar in Bar.made] == [(3, 3, True), (10, 10, True)]
    assert Bar.made[1].desc == "video"
