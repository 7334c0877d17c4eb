"""A batch from manifest to report: what is missing is made, everything is written down as it happens."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from sonic.apps.batch.claim import Claim, claimed
from sonic.apps.batch.outcome import FAILED, RESULTS, Outcome, Results
from sonic.apps.batch.places import Place, Url
from sonic.apps.batch.report import write_report
from sonic.apps.batch.rows import Row
from sonic.apps.batch.workers import Options, n_workers, run_rows
from sonic.errors import OutputError
from sonic.files import open_regular

REPORT = "report.html"
REPORT_EVERY_S = 60.0

OnShare = Callable[[Row, float], None]
Runner = Callable[[Sequence[Row], Options, OnShare], Iterator[Outcome]]
"""Makes rows and gives an outcome for each; the local workers, or a cluster."""


@dataclass(slots=True)
class Batch:
    """What came of one call."""

    folder: Place
    made: int = 0
    kept: int = 0
    """Rows that were there already."""
    failed: list[Outcome] = field(default_factory=list)
    """With those that an earlier call found to fail, and that were not tried again."""
    wall_s: float = 0.0

    @property
    def report(self) -> Place:
        return self.folder / REPORT

    @property
    def results(self) -> Place:
        return self.folder / RESULTS


@dataclass(slots=True)
class Tally:
    """How far a batch has come, for whoever watches."""

    total: int
    done: int = 0
    failed: int = 0
    seconds_total: float = 0.0
    seconds_done: float = 0.0
    """Of speech, of rows that were made in this call; long and short rows count as they are."""
    at_work: dict[int, float] = field(default_factory=dict)
    began_s: float = field(default_factory=time.monotonic)

    def remaining_s(self) -> float:
        """What the rest takes at the pace so far; 0 while it is too early to tell."""
        done = self.seconds_done + sum(self.at_work.values())
        if done <= 0:
            return 0.0
        return (self.seconds_total - done) * (time.monotonic() - self.began_s) / done


OnTally = Callable[[Tally, Outcome | None], None]


def run_batch(
    rows: Sequence[Row],
    folder: Place,
    *,
    options: Options,
    retry_failed: bool = False,
    runner: Runner | None = None,
    workers: int | None = None,
    on_tally: OnTally = lambda tally, outcome: None,
) -> Batch:
    """Make the rows that are missing; results and the report go to ``folder``.

    Raises OutputError where the folder or the results cannot be written, which is tried before any work, and where
    another batch is at work in it.
    """
    with claimed(_made(folder)) as claim:
        runner = runner or _local(workers)
        return _run(rows, folder, options, runner, claim, retry_failed=retry_failed, on_tally=on_tally)


def _run(
    rows: Sequence[Row],
    folder: Place,
    options: Options,
    runner: Runner,
    claim: Claim,
    *,
    retry_failed: bool,
    on_tally: OnTally,
) -> Batch:
    results = Results(folder / RESULTS)
    batch, todo = Batch(folder), list[Row]()
    for row in rows:
        earlier = None if retry_failed else results.failed_for_good(row)
        if results.is_done(row):
            batch.kept += 1
        elif earlier is not None:
            batch.failed.append(earlier)
        else:
            todo.append(row)
    began_s = time.monotonic()
    try:
        for outcome in _watched(todo, options, runner, on_tally):
            claim.check()
            results.add(outcome)
            if outcome.state == FAILED:
                batch.failed.append(outcome)
            else:
                batch.made += 1
    finally:
        batch.wall_s = time.monotonic() - began_s
        write_report(rows, results, batch.report, wall_s=batch.wall_s)
    results.close()
    return batch


def _watched(rows: Sequence[Row], options: Options, runner: Runner, on_tally: OnTally) -> Iterator[Outcome]:
    tally = Tally(len(rows), seconds_total=sum(row.seconds for row in rows))
    by_number = {row.number: row for row in rows}

    def share(row: Row, part: float) -> None:
        tally.at_work[row.number] = part * row.seconds
        on_tally(tally, None)

    if not rows:
        return
    on_tally(tally, None)
    with closing(_generator(runner(rows, options, share))) as outcomes:
        for outcome in outcomes:
            tally.done += 1
            tally.failed += outcome.state == FAILED
            tally.seconds_done += by_number[outcome.row].seconds
            tally.at_work.pop(outcome.row, None)
            yield outcome
            on_tally(tally, outcome)


def _generator(outcomes: Iterable[Outcome]) -> Generator[Outcome, None, None]:
    """A generator, so that closing it closes the runner."""
    yield from outcomes


def _local(workers: int | None) -> Runner:
    def run(rows: Sequence[Row], options: Options, on_share: OnShare) -> Iterator[Outcome]:
        n = workers or n_workers(rows)
        return run_rows(rows, n, options, on_share)

    return run


def _made(folder: Place) -> Place:
    if isinstance(folder, Url):
        return folder  # nothing to make; the claim is written there
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(results := folder / RESULTS):
            open_regular(results).close()  # a pipe would be waited for
        with open(results, "ab"):
            return folder
    except OSError as error:
        raise OutputError(f"{str(folder)!r} cannot be written ({error.strerror}); choose another folder: -o") from error
