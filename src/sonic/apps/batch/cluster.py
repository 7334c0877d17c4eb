"""Rows on a Ray cluster: Ray places and retries them; what is done and what is missing stays our own affair.

One row is one task of an actor that stays warm; failures come back as outcomes, so that Ray never loses a good row with
a bad one. An actor that dies is started again, and its row is tried once more. Inputs and outputs lie on paths that all
nodes see, or in object stores; what is done is written down by the process that called.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sonic.apps.batch.outcome import FAILED, Outcome
from sonic.apps.batch.rows import Row
from sonic.apps.batch.workers import KILLED, TRIES, Options, cores
from sonic.errors import SonicError, import_failure

LOCAL = "local"
"""Instead of an address: a cluster on this machine alone, for as long as the batch runs."""
CPUS_PER_WORKER = 1.0
_WAIT_S = 5.0

OnShare = Callable[[Row, float], None]


def on_ray(address: str, workers: int | None) -> Callable[[Sequence[Row], Options, OnShare], Iterator[Outcome]]:
    """A runner for run_batch. Raises InstallError without Ray, SonicError where no cluster answers at ``address``."""
    try:
        import ray
    except ImportError as error:
        raise import_failure(error, "--ray", "'sonic-talk[ray]'") from error

    def run(rows: Sequence[Row], options: Options, on_share: OnShare) -> Iterator[Outcome]:
        own = not ray.is_initialized()
        if own:
            _join(ray, address, workers)
        try:
            yield from _Crew(ray, rows, workers, options).outcomes(on_share)
        finally:
            if own:
                ray.shutdown()

    return run


def _join(ray: Any, address: str, workers: int | None) -> None:
    own = {"num_cpus": max(cores(), (workers or 0) + 1)} if address == LOCAL else {"address": address}
    try:
        ray.init(
            **own, log_to_driver=False, include_dashboard=False,
            configure_logging=False,
        )  # fmt: skip
    except Exception as error:  # ray raises its own, ConnectionError and others
        reason = " ".join(str(error).split())[:200]
        if address == LOCAL:
            raise SonicError(f"Ray does not start on this machine ({reason}); try when it has less to do") from error
        raise SonicError(f"no Ray cluster answers at {address!r} ({reason}); start one, or use --ray local") from error


class _RowActor:
    """A process on some node, with a warm session."""

    def __init__(self) -> None:
        from sonic.apps.batch.desk import Desk
        from sonic.session import Session

        self._session, self._desk = Session(), Desk()

    def make(self, row: Row, options: Options) -> Outcome:
        """One row; raises nothing."""
        from sonic.apps.batch.work import make

        return make(
            row, self._session, self._desk, measure=options.measure, overwrite=options.overwrite,
            on_share=lambda share: None,
        )  # fmt: skip

    def close(self) -> None:
        """Leave nothing on its node: what ends an actor of Ray is a kill."""
        self._session.close()
        self._desk.close()


class _Crew:
    """Actors, and the rows that they are at."""

    def __init__(self, ray: Any, rows: Sequence[Row], workers: int | None, options: Options) -> None:
        self._ray, self._options = ray, options
        self._waiting = sorted(rows, key=lambda row: str(row.portrait))
        self._tries: dict[int, int] = {}
        self._on_gpu = any(row.settings.engine != "light" for row in rows)
        if self._on_gpu and not ray.cluster_resources().get("GPU"):
            raise SonicError("the Ray cluster has no GPU, and the engine of these rows needs one; use --engine light")
        self._actors = [self._new() for _ in range(self._n_actors(workers))]
        self._busy: dict[Any, tuple[int, Row]] = {}

    def outcomes(self, on_share: OnShare) -> Iterator[Outcome]:
        """One for every row, as they come."""
        idle = list(range(len(self._actors)))
        try:
            while self._waiting or self._busy:
                while idle and self._waiting:
                    place, row = idle.pop(0), self._waiting.pop(0)
                    self._busy[self._actors[place].make.remote(row, self._options)] = place, row
                    on_share(row, 0.0)
                ready, _ = self._ray.wait(list(self._busy), num_returns=1, timeout=_WAIT_S)
                for reference in ready:
                    place, row = self._busy.pop(reference)
                    outcome = self._outcome(reference, place, row)
                    idle.append(place)
                    if outcome is not None:
                        yield outcome
        finally:
            self._end(idle)

    def _end(self, idle: Sequence[int]) -> None:
        """All actors, those without a row in peace."""
        with suppress(Exception):
            closing = [self._actors[place].close.remote() for place in idle]
            self._ray.wait(closing, num_returns=len(closing), timeout=_WAIT_S)
        for actor in self._actors:
            with suppress(Exception):
                self._ray.kill(actor)

    def _outcome(self, reference: Any, place: int, row: Row) -> Outcome | None:
        """What came of a row; None if its actor died and the row is to be tried again."""
        try:
            outcome: Outcome = self._ray.get(reference)
            return replace(outcome, worker=place + 1)
        except Exception as error:  # the actor or its node died; what a row raises is an outcome
            with suppress(Exception):
                self._ray.kill(self._actors[place])
            self._actors[place] = self._new()
            self._tries[row.number] = self._tries.get(row.number, 0) + 1
            if self._tries[row.number] < TRIES:
                self._waiting.insert(0, row)
                return None
            reason = " ".join(str(error).split())[:160]
            return Outcome.of(row, FAILED, kind=KILLED, message=f"its worker died twice ({reason}); is memory short?")

    def _n_actors(self, workers: int | None) -> int:
        """As many as fit with a CPU left free: actors that reserve all CPUs leave none for Ray's own work."""
        have = self._ray.cluster_resources()
        room = int(have.get("GPU", 0)) if self._on_gpu else int(have.get("CPU", 1) - 1)
        return max(1, min(workers or room, room or 1, len(self._waiting)))

    def _new(self) -> Any:
        needs = {"num_cpus": 0.5, "num_gpus": 1} if self._on_gpu else {"num_cpus": CPUS_PER_WORKER}
        have = self._ray.cluster_resources()
        if needs["num_cpus"] > have.get("CPU", 1) - 1:
            needs["num_cpus"] = 0.5  # a machine of one CPU
        return self._ray.remote(**needs)(_RowActor).remote()
