"""``sonic batch``: many videos from a manifest, or from portraits, recordings and folders."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.batch.manifest import KINDS
from sonic.apps.batch.places import Url, place_of
from sonic.apps.cli.ask import confirm
from sonic.apps.cli.options import add_reporting
from sonic.apps.cli.show import QUIET_REFRESH_S, REFRESH_S, Reporter
from sonic.errors import SettingError

if TYPE_CHECKING:
    from sonic.apps.batch.outcome import Outcome
    from sonic.apps.batch.plan import Plan
    from sonic.apps.batch.rows import Defaults, Row
    from sonic.apps.batch.run import Batch, Runner, Tally
    from sonic.provenance.consent import Consent

EXIT_FAILED_ROWS = 17
HELP = "Make many videos: every row is checked first, workers stay warm, a second call makes what is missing."
EPILOG = """\
examples:
  sonic batch lessons.jsonl -o videos/
  sonic batch --portrait teacher.jpg lessons/*/ -o videos/ --consent teacher.consent.json
  sonic batch --portrait teacher.jpg --speech lesson.{zh,en,es,ar}.mp3 --consent self --subject "Ada Example"
  sonic batch s3://lessons/rows.jsonl -o s3://lessons/videos

A row of a manifest has portrait and speech, and may have out, consent, subject, evidence, captions, burn_in, preset,
platform, and any setting by its name. Manifests are JSON lines, CSV or YAML; a list of portraits or recordings stands
for each of them. The language is taken from names such as lesson.zh.mp3, else found where the extra captions is there.
Any file, the manifest and -o may be a URL of an object store (s3://, gs://, any protocol of fsspec): extra remote, and
the store's package (s3fs, gcsfs).

exit codes:
   0 all videos are there       17 some rows failed; the report says which, and why
   2 rows that cannot be made; nothing was started (--skip-bad makes the others)
   others as `sonic --help` lists them
"""


def add_batch(parent: Any, add_settings: Any) -> None:
    """The command."""
    command = parent.add_parser(
        "batch", help=HELP, description=HELP, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("inputs", nargs="*", metavar="MANIFEST|RECORDING|FOLDER", help="what to make")
    command.add_argument("--portrait", action="append", default=[], metavar="PHOTO", help="may be given several times")
    command.add_argument("--speech", nargs="+", default=[], metavar="FILE", help="recordings, or folders of them")
    command.add_argument("-o", "--out", default="videos", metavar="FOLDER|URL", help="folder of videos, "
                         "results.jsonl and report.html (default: %(default)s)")  # fmt: skip
    run = command.add_argument_group("how it runs")
    run.add_argument("--check", action="store_true", help="check all rows and stop")
    run.add_argument("--skip-bad", action="store_true", help="make the other rows where some cannot be made")
    run.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core, as far as memory goes)")
    run.add_argument("--retry-failed", action="store_true", help="try rows again that would fail as before")
    run.add_argument("--measure", action="store_true", help="track every video: lag and lips, by language")
    run.add_argument("--cover", action="store_true", help="a cover picture beside each video of a platform: .cover.jpg")
    run.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster (extra ray); local starts one here")
    run.add_argument("-y", "--overwrite", action="store_true", help="replace outputs even if Sonic did not make them")
    add_reporting(command)
    captions = command.add_argument_group("captions")
    captions.add_argument("--captions", action="store_true", help="from lesson.txt, .srt or .vtt beside the recording")
    captions.add_argument(
        "--auto-captions", action="store_true", help="recognised (extra captions) where none is there"
    )
    add_caption_style(captions)
    consent = command.add_argument_group("consent", "of rows that name none")
    consent.add_argument("--consent", metavar="BASIS|FILE", help="as of `sonic generate`")
    consent.add_argument("--subject", help="the person in the portraits")
    consent.add_argument("--evidence", help="where the permission can be found")
    consent.add_argument("--confirmed", action="store_true", help="what the terminal would ask to confirm is true")
    consent.set_defaults(consent_given=None, consent_expires=None)
    add_settings(command)
    command.set_defaults(run=batch, when_stopped="finished videos are kept; run the same command again to resume")


def add_caption_style(group: Any) -> None:
    """How captions are drawn."""
    group.add_argument("--burn-in", action="store_true", help="draw the captions into the picture as well")
    group.add_argument("--karaoke", action="store_true", help="draw them, the word that is being said in colour")
    group.add_argument("--caption-font", metavar="FILE", help="TTF or OTF (default: one that has the letters)")
    group.add_argument(
        "--caption-weights", metavar="FOLDER", type=Path,
        help="weights that recognise speech (default: SONIC_WEIGHTS, or what `sonic weights fetch --for captions` got)",
    )  # fmt: skip


def batch(arguments: argparse.Namespace, reporter: Reporter) -> int:
    """``sonic batch``; returns the exit code."""
    from sonic.apps.batch.run import run_batch
    from sonic.apps.batch.workers import Options

    plan = _plan(arguments, reporter)
    _tell_problems(plan, arguments, reporter)
    if arguments.check:
        reporter.result(f"{len(plan.rows)} rows can be made", rows=len(plan.rows))
        return 0
    _confirm_self(plan.rows, arguments)
    done = run_batch(
        plan.rows,
        place_of(arguments.out),
        options=Options(measure=arguments.measure, overwrite=arguments.overwrite),
        retry_failed=arguments.retry_failed,
        runner=_runner(arguments),
        workers=_workers(arguments),
        on_tally=_Watcher(reporter, quiet=arguments.quiet).see,
    )
    _tell_result(done, len(plan.problems), reporter)
    return EXIT_FAILED_ROWS if done.failed or plan.problems else 0


def _plan(arguments: argparse.Namespace, reporter: Reporter) -> "Plan":
    from sonic.apps.batch.plan import check_rows
    from sonic.types import Progress

    def checked(done: int, total: int) -> None:
        reporter.progress(Progress("check", done, total))

    rows = _raw_rows(arguments)
    earlier = _earlier(arguments.out)
    return check_rows(rows, _defaults(arguments), earlier=earlier, overwrite=arguments.overwrite, on_checked=checked)


def _earlier(out: str) -> "Mapping[str, Outcome]":
    """What earlier calls left in a store; on a disk the files themselves are looked at."""
    from sonic.apps.batch.outcome import RESULTS, Results

    place = place_of(out)
    return Results(place / RESULTS).latest if isinstance(place, Url) else {}


def _raw_rows(arguments: argparse.Namespace) -> Any:
    from sonic.apps.batch.manifest import read_manifest, rows_of

    inputs = [*arguments.inputs, *arguments.speech]
    manifests = [given for given in inputs if given.lower().endswith(KINDS)]
    if manifests and (len(inputs) > 1 or arguments.portrait):
        raise SettingError(f"{manifests[0]!r} is a manifest; give it alone, its rows name portraits and recordings")
    if manifests:
        return read_manifest(place_of(manifests[0]))
    if not arguments.portrait or not inputs:
        raise SettingError(
            "`sonic batch` needs a manifest, or --portrait and recordings or folders; see: sonic batch --help"
        )
    return rows_of(arguments.portrait, inputs, {}, place_of(arguments.out))


def _defaults(arguments: argparse.Namespace) -> "Defaults":
    from sonic.apps.batch.inputs import Inputs
    from sonic.apps.batch.rows import Defaults, consent_at
    from sonic.apps.cli.choose import chosen_values, stated_consent
    from sonic.apps.cli.config import defaults

    own = defaults()
    given = arguments.consent or own.consent
    if given and isinstance(place := place_of(given), Url):
        consent: Consent | None = consent_at(place, Inputs())
    else:
        consent = stated_consent(arguments, given, arguments.subject or own.subject) if given else None
    return Defaults(
        settings=chosen_values(arguments),
        consent=consent,
        out=place_of(arguments.out),
        captions=arguments.captions or arguments.auto_captions or arguments.burn_in or arguments.karaoke,
        cover=arguments.cover,
        recognise=arguments.auto_captions,
        weights=arguments.caption_weights,
        burn_in=arguments.burn_in,
        karaoke=arguments.karaoke,
        font=arguments.caption_font,
    )


def _tell_problems(plan: "Plan", arguments: argparse.Namespace, reporter: Reporter) -> None:
    for where, problem in plan.problems:
        reporter.notice(f"{where}: {problem}")
    if plan.problems and not (arguments.skip_bad and plan.rows):
        n = len(plan.problems)
        raise SettingError(
            f"{n} problem{'s' * (n > 1)} in {len(plan.rows) + n} rows, listed above; nothing was started: mend them, "
            "or add --skip-bad"
        )


def _confirm_self(rows: "list[Row]", arguments: argparse.Namespace) -> None:
    """Every person who is said to make these videos is asked for once."""
    from sonic.apps.cli.consent import statement

    stated = {
        row.consent.subject: row.consent for row in rows if row.consent.basis == "self" and not row.consent.signature
    }
    for consent in stated.values():
        confirm(arguments, statement(consent))


def _workers(arguments: argparse.Namespace) -> int | None:
    if arguments.workers is not None and not 1 <= arguments.workers <= 256:
        raise SettingError(f"--workers is {arguments.workers}; it must be between 1 and 256")
    n: int | None = arguments.workers
    return n


def _runner(arguments: argparse.Namespace) -> "Runner | None":
    if arguments.ray is None:
        return None
    from sonic.apps.batch.cluster import on_ray

    runner: Runner = on_ray(arguments.ray, arguments.workers)
    return runner


def _tell_result(done: "Batch", skipped: int, reporter: Reporter) -> None:
    for outcome in done.failed:
        reporter.notice(f"{outcome.where}: {outcome.message}")
    kept = f", {done.kept} were there already" if done.kept else ""
    failed = f", {len(done.failed)} failed" if done.failed else ""
    left_out = f", {skipped} left out" if skipped else ""
    reporter.result(
        f"{done.made} videos made{kept}{failed}{left_out}\n{done.report}  what to know of each\n{done.results}",
        made=done.made, kept=done.kept, failed=len(done.failed), skipped=skipped, wall_s=round(done.wall_s, 2),
        report=str(done.report), results=str(done.results),
    )  # fmt: skip


class _Watcher:
    """Progress over all rows, on a terminal as one line."""

    def __init__(self, reporter: Reporter, *, quiet: bool) -> None:
        self._reporter, self._quiet, self._last_s = reporter, quiet, 0.0

    def see(self, tally: "Tally", outcome: "Outcome | None") -> None:
        """Draw, not too often; a machine hears of every row."""
        if outcome is not None:
            self._reporter.event("row", row=outcome.row, state=outcome.state, out=outcome.out, message=outcome.message)
        now_s = time.monotonic()
        pause_s = REFRESH_S if self._reporter.draws_often else QUIET_REFRESH_S
        if self._quiet or (now_s - self._last_s < pause_s and tally.done < tally.total):
            return
        self._last_s = now_s
        self._reporter.batch(tally.done, tally.total, tally.failed, len(tally.at_work), tally.remaining_s())
