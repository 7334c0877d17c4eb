"""Batches on a real Ray of several processes: a bad row, a killed worker, a lost node; nothing lost, nothing twice."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_videos import save_sound, tone

from sonic import demo
from sonic.apps.batch.manifest import RawRow
from sonic.apps.batch.outcome import DONE, FAILED, Outcome
from sonic.apps.batch.plan import Plan, check_rows
from sonic.apps.batch.rows import Defaults
from sonic.apps.batch.run import run_batch
from sonic.apps.batch.workers import Options

ray = pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # ray's own
]
N_ROWS = 6
POISONED = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of this machine, each with processes of its own."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.nodes = [made.add_node(num_cpus=1), made.add_node(num_cpus=1)]
    ray.init(address=made.address, log_to_driver=False, configure_logging=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    from PIL import Image

    Image.new("RGB", (200, 200), (90, 120, 150)).save(tmp_path / "nobody.png")
    rows = []
    for n in range(N_ROWS):
        speech = tmp_path / f"{n}.wav"
        save_sound(speech, tone(0.5 + 0.02 * n, 16_000), 16_000)
        portrait = tmp_path / "nobody.png" if n == POISONED else demo.PORTRAIT
        values = {"portrait": str(portrait), "speech": str(speech), "out": str(tmp_path / "out" / f"{n}.mp4")}
        rows.append(RawRow(f"row {n}", values, tmp_path))
    quick = {"min_resolution": 128, "inference_steps": 1, "fps": 15}
    made = check_rows(rows, Defaults(quick, _synthetic(), tmp_path))
    assert not made.problems
    return made


def _synthetic() -> Any:
    from datetime import date

    from sonic import Consent

    return Consent(basis="synthetic", given_on=date.today())


def check_all_there(outcomes: list[Outcome], out: Path) -> None:
    states = Counter(one.state for one in outcomes)
    assert states == {DONE: N_ROWS - 1, FAILED: 1}, [one.message for one in outcomes]
    assert len({one.row for one in outcomes}) == N_ROWS, "one outcome a row"
    assert {path.name for path in out.glob("*.mp4")} == {f"{n}.mp4" for n in range(N_ROWS) if n != POISONED}


def run_on(plan: Plan, folder: Path, on_outcome: Any = lambda outcome: None) -> list[Outcome]:
    from sonic.apps.batch.cluster import on_ray

    outcomes: list[Outcome] = []

    def see(tally: Any, outcome: Outcome | None) -> None:
        if outcome is not None:
            outcomes.append(outcome)
            on_outcome(outcome)

    run_batch(plan.rows, folder, options=Options(), runner=on_ray("auto", 2), on_tally=see)
    return outcomes


def test_a_bad_row_a_killed_worker_and_a_lost_node_cost_no_row(cluster: Any, plan: Plan, tmp_path: Path) -> None:
    lost: list[str] = []

    def strike(outcome: Outcome) -> None:
        if not lost:
            victims = [actor for actor in _actors() if actor["state"] == "ALIVE"]
            os.kill(victims[0]["pid"], signal.SIGKILL)
            lost.append("worker")
        elif lost == ["worker"]:
            cluster.remove_node(cluster.nodes[0], allow_graceful=False)
            lost.append("node")

    check_all_there(run_on(plan, tmp_path / "out", strike), tmp_path / "out")
    assert lost == ["worker", "node"]
    again = run_batch(plan.rows, tmp_path / "out", options=Options())
    assert (again.made, again.kept, len(again.failed)) == (0, N_ROWS - 1, 1)


def _actors() -> list[Any]:
    from ray._private.state import actors

    return [{"pid": one["Pid"], "state": one["State"]} for one in actors().values()]
