"""bench/compare.py fails on what became worse, by the figure's own direction and tolerance, and on nothing else."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

import compare  # noqa: E402
import results  # noqa: E402
from report import Target  # noqa: E402

BASE: dict[str, Any] = {
    "commit": "a" * 40,
    "date": "2026-01-01",
    "machine": {"processor": "one", "cores": 2, "memory_gb": 25, "system": "Linux x86_64", "python": "3.11"},
    "packages": {},
    "measures": {
        "speed": dict(value=2.0, unit="x", better="higher", tolerance=0.1, slack=0, portable=False, low=1, high=None),
        "lag": dict(value=-30, unit="ms", better="within", tolerance=0, slack=2, portable=True, low=-40, high=40),
        "flicker": dict(value=0.0, unit="", better="lower", tolerance=0.1, slack=0.01, portable=True, low=None, high=1),
    },
}


def changed(name: str, value: float | None, **machine: str) -> dict[str, Any]:
    """BASE with one figure, and perhaps the machine, changed."""
    after = copy.deepcopy(BASE)
    after["measures"][name]["value"] = value
    after["machine"] |= machine
    return after


def run(folder: Path, after: dict[str, Any], before: dict[str, Any] = BASE) -> int:
    paths = []
    for name, content in (("a.json", before), ("b.json", after)):
        paths.append(folder / name)
        paths[-1].write_text(json.dumps(content))
    return compare.main([str(path) for path in paths])


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("speed", 1.81, "same"),
        ("speed", 1.79, "WORSE"),
        ("speed", 2.3, "better"),
        ("speed", None, "MISSING"),
        ("flicker", 0.009, "same"),  # a share of nothing is nothing: the slack counts
        ("flicker", 0.011, "WORSE"),
        ("lag", 40, "same"),  # from one end of the range to the other
        ("lag", -43, "WORSE"),
    ],
)
def test_a_figure_is_judged_by_its_own_direction_and_tolerance(
    name: str, value: float | None, verdict: str, tmp_path: Path
) -> None:
    after = changed(name, value)
    verdicts = {each.name: each.verdict for each in compare.compare(BASE, after)}
    assert verdicts == dict.fromkeys(BASE["measures"], "same") | {name: verdict}
    assert run(tmp_path, after) == (verdict in ("WORSE", "MISSING"))


def test_a_figure_that_vanished_fails_and_a_new_one_does_not(tmp_path: Path) -> None:
    fewer = copy.deepcopy(BASE)
    del fewer["measures"]["lag"]
    assert run(tmp_path, fewer) == 1
    assert run(tmp_path, BASE, before=fewer) == 0


def test_speed_is_not_judged_between_unlike_machines_but_quality_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, changed("speed", 0.5, processor="another")) == 0
    assert "processor: one and another" in capsys.readouterr().out
    assert run(tmp_path, changed("flicker", 0.5, processor="another")) == 1


def test_nothing_comparable_is_no_success(tmp_path: Path) -> None:
    speed_alone = changed("speed", 2.0)
    speed_alone["measures"] = {"speed": speed_alone["measures"]["speed"]}
    elsewhere = copy.deepcopy(speed_alone)
    elsewhere["machine"]["cores"] = 64
    assert run(tmp_path, elsewhere, before=speed_alone) == 2


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from(["lower", "higher"]))
def test_a_change_and_its_reverse_are_not_both_worse(a: float, b: float, better: str) -> None:
    measure = dict(better=better, tolerance=0.05, slack=0, portable=True)
    assert {compare._verdict(a, b, measure, True), compare._verdict(b, a, measure, True)} != {"WORSE"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"measures": {}, "machine": {}}', '{"measures": 3, "machine": 4}'])
def test_what_is_no_results_file_is_one_line(text: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    with pytest.raises(SystemExit, match="is not a results file"):
        compare.read(broken)


def test_recorded_figures_become_a_results_file_that_compares_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = tmp_path / "measures.jsonl"
    monkeypatch.setenv(results.COLLECTOR, str(collector))
    for target in (Target("wait", 1.5, high=5.0), Target("pitch", 20, low=18, high=26), Target("share", 0.9, low=0.5)):
        results.record(results.of_target(target, tolerance=0.1))
    content = results.collected(collector)
    assert {name: each["better"] for name, each in content["measures"].items()} == {
        "wait": "lower",
        "pitch": "within",
        "share": "higher",
    }
    assert run(tmp_path, content, before=content) == 0
    results.record(results.of_target(Target("wait", 2.0, high=5.0), tolerance=0.1))
    with pytest.raises(ValueError, match="recorded twice: wait"):
        results.collected(collector)


@pytest.mark.parametrize("path", sorted((BENCH / "results").glob("*.json")), ids=lambda path: path.stem)
def test_results_in_the_repository_can_be_read(path: Path) -> None:
    content = compare.read(path)
    assert not [each for each in compare.compare(content, content) if each.verdict != "same"]
