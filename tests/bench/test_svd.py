"""bench/svd.py works from end to end, with tiny networks on the processor; its figures are not looked at."""

import argparse
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra gpu")
pytest.importorskip("diffusers", reason="needs the extra gpu")

pytestmark = [pytest.mark.svd, pytest.mark.slow]
BENCH = Path(__file__).parents[2] / "bench"


def test_run_prints_a_row_for_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    import svd_run

    wanted = ["guidance_refresh 3"]
    arguments = argparse.Namespace(size="tiny", device="cpu", sides=[64], durations=[0.24], window=2, only=wanted)
    lines = list(svd_run.measure(arguments))
    assert "tiny" in lines[0]
    rows = [line for line in lines if line.startswith(tuple(f"| {name} " for name in ("plain", *wanted)))]
    assert len(rows) == 2
    assert not [row for row in rows if "failed" in row]
    assert "| 0.0e+00 |" in rows[0]
