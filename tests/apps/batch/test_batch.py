"""Batches: all problems at once, a bad row harms no other, a second call makes what is missing, kills lose nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_videos import save_sound, tone
from special_files import special

from sonic import demo
from sonic.apps.batch.desk import Desk
from sonic.apps.batch.manifest import RawRow, language_of, read_manifest, rows_of
from sonic.apps.batch.outcome import DONE, FAILED, Outcome, Results
from sonic.apps.batch.plan import Plan, check_rows
from sonic.apps.batch.report import write_report
from sonic.apps.batch.rows import Defaults, Row
from sonic.apps.batch.run import Batch, run_batch
from sonic.apps.batch.work import make
from sonic.apps.batch.workers import Options, n_workers, run_rows
from sonic.apps.cli.main import main
from sonic.errors import OutputError, SettingError
from sonic.session import Session

QUICK = {"min_resolution": 128, "inference_steps": 1, "fps": 15, "duration": 0.4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A portrait, three recordings and a photo of nobody."""
    (tmp_path / "teacher.png").write_bytes(demo.PORTRAIT.read_bytes())
    for n in range(3):
        save_sound(tmp_path / f"lesson{n}.wav", tone(0.5 + 0.1 * n, 16_000), 16_000)
    from PIL import Image

    Image.new("RGB", (200, 200), (90, 120, 150)).save(tmp_path / "nobody.png")
    return tmp_path


def manifest(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    whole = [{"portrait": "teacher.png", "consent": "synthetic", **QUICK, **row} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in whole), encoding="utf-8")
    return path


def plan_of(folder: Path, *rows: dict[str, Any]) -> Plan:
    return check_rows(read_manifest(manifest(folder, *rows)), Defaults({}, None, folder / "out"))


def here(rows: Sequence[Row], options: Options, on_share: Any) -> Iterator[Outcome]:
    """A runner in this process."""
    with Session() as session, Desk() as desk:
        for row in rows:
            yield make(row, session, desk, measure=options.measure, on_share=lambda share: None)


def run(folder: Path, plan: Plan, **options: Any) -> Batch:
    assert not plan.problems, plan.problems
    return run_batch(plan.rows, folder / "out", options=Options(), **{"runner": here, **options})


@pytest.mark.parametrize("kind", ["jsonl", "csv", "csv;", "yaml"])
def test_the_same_rows_in_any_format(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{kind.rstrip(';')}"
    if kind == "jsonl":
        text = '{"portrait": "a.png", "speech": "b.wav", "fps": "30"}\n\n{"portrait": "c.png", "speech": "d.wav"}'
    elif kind == "yaml":
        pytest.importorskip("yaml")
        text = "rows:\n- {portrait: a.png, speech: b.wav, fps: '30'}\n- {portrait: c.png, speech: d.wav}\n"
    else:
        text = "\ufeffportrait,speech,fps\r\na.png,b.wav,30\r\nc.png,d.wav,\r\n".replace(",", kind[3:] or ",")
    path.write_bytes(text.encode("utf-8"))
    rows = read_manifest(path)
    assert [row.values for row in rows] == [
        {"portrait": "a.png", "speech": "b.wav", "fps": "30"},
        {"portrait": "c.png", "speech": "d.wav"},
    ]
    assert rows[1].where == ("line 3" if kind == "jsonl" else "row 2")


def test_lists_stand_for_each_of_their_inputs(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"portrait": ["a.png", "b.png"], "speech": ["x.wav", "y.wav", "z.wav"]}))
    rows = read_manifest(path)
    assert len(rows) == 6
    assert rows[5].where == "line 1 (portrait 2, speech 3)"
    assert (rows[5].values["portrait"], rows[5].values["speech"]) == ("b.png", "z.wav")


def test_folders_stand_for_the_recordings_in_them(folder: Path) -> None:
    rows = rows_of(["teacher.png"], [str(folder)], {}, Path("videos"))
    assert [Path(row.values["out"]).name for row in rows] == [f"{folder.name}-lesson{n}.mp4" for n in range(3)]
    (folder / "empty").mkdir()
    with pytest.raises(SettingError, match="no recordings"):
        rows_of(["teacher.png"], [str(folder / "empty")], {}, Path("videos"))


@pytest.mark.parametrize(
    ("name", "language"), [("a.zh.mp3", "zh"), ("a.pt-BR.wav", "pt-BR"), ("a.final.mp3", None), ("a.mp3", None)]
)
def test_names_state_languages(name: str, language: str | None) -> None:
    assert language_of(Path(name)) == language


def test_every_problem_of_every_row_is_told_before_anything_is_made(folder: Path) -> None:
    rows = (
        {"speech": "lesson0.wav"},
        {"speech": "missing.wav"},
        {"speech": "lesson1.wav", "portrait": "lesson1.wav"},
        {"speech": "lesson1.wav", "colour": "red"},
        {"speech": "lesson1.wav", "fps": 3},
        {"speech": "lesson1.wav", "consent": "written", "subject": "Ada"},
        {"speech": "lesson0.wav"},
        {"speech": "lesson1.wav", "platform": "tiktok", "duration": None},
        {"speech": "lesson2.wav", "out": "teacher.png"},
        {"speech": "lesson2.wav", "captions": "none.txt"},
    )
    plan = plan_of(folder, *rows)
    said = dict(plan.problems)
    assert len(plan.rows) == 2 and len(said) == 9 and not (folder / "out").exists()
    for number, word in enumerate(
        ["missing.wav", "lesson1.wav", "colour", "fps", "evidence", "line 1", "TikTok takes 3", ".mp4", "none.txt"], 2
    ):
        assert word in said[f"line {number}"]


def test_a_full_disk_is_known_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.apps.batch.plan.shutil.disk_usage", lambda path: type("Usage", (), {"free": 10**6}))
    plan = plan_of(folder, {"speech": "lesson0.wav"})
    assert "make room" in plan.problems[0][1]


def test_a_bad_row_harms_no_other_and_a_second_call_makes_what_is_missing(folder: Path) -> None:
    rows = [{"speech": f"lesson{n}.wav", "out": f"out/{n}.mp4"} for n in range(3)]
    rows[1]["portrait"] = "nobody.png"
    plan = plan_of(folder, *rows)
    first = run(folder, plan)
    assert (first.made, len(first.failed)) == (2, 1)
    assert first.failed[0].kind == "FaceError"
    page = first.report.read_text(encoding="utf-8")
    assert "2 made, 1 failed" in page and page.count("data:image/jpeg") == 2 and "no face" in page
    again = run(folder, plan_of(folder, *rows))
    assert (again.made, again.kept, len(again.failed)) == (0, 2, 1), "the failure would be the same, and is not tried"
    (folder / "out" / "0.mp4").write_bytes(b"changed")
    assert "earlier output" in plan_of(folder, *rows).problems[0][1], "what somebody changed is not overwritten"
    (folder / "out" / "0.mp4").unlink()
    rows[2]["seed"] = 7
    third = run(folder, plan_of(folder, *rows), retry_failed=True)
    assert (third.made, third.kept, len(third.failed)) == (2, 0, 1), "one was gone, one has another seed"


def test_a_row_has_its_cover_beside_its_video(folder: Path) -> None:
    small = {"platform": "square", "min_resolution": 128, "cover": True}
    plan = plan_of(folder, {"speech": "lesson0.wav", "out": "a.mp4"} | small, {"speech": "lesson1.wav", "cover": True})
    assert "add platform" in plan.problems[0][1]
    outcome = next(here(plan.rows, Options(), None))
    assert outcome.state == DONE, outcome.message
    assert (folder / "a.cover.jpg").is_file() or any("cover: no face" in line for line in outcome.checks)


def test_recognised_captions_and_languages_are_known_beforehand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.captions.recogniser_weights.find_spec", lambda name: None)
    plan = plan_of(folder, {"speech": "lesson0.wav", "captions": "auto"}, {"speech": "lesson1.wav"})
    assert "pip install 'sonic-talk[captions]'" in plan.problems[0][1]
    assert plan.rows[0].settings.language is None, "nothing could find it"


def test_a_worker_that_dies_costs_no_row_and_twice_only_its_own(folder: Path) -> None:
    """Real processes: the worker at the first row is killed whenever it has that row."""
    import multiprocessing

    plan = plan_of(folder, *({"speech": f"lesson{n}.wav", "out": f"out/{n}.mp4"} for n in range(2)))
    killed = []

    def kill_first(row: Row, share: float) -> None:
        if row.number == 1:
            killed.append(share)
            for process in multiprocessing.active_children():
                os.kill(process.pid or 0, signal.SIGKILL)

    outcomes = {one.row: one for one in run_rows(plan.rows, 1, Options(), kill_first)}
    assert {number: one.state for number, one in outcomes.items()} == {1: FAILED, 2: DONE}
    assert killed and "died twice" in outcomes[1].message
    assert {path.name for path in (folder / "out").glob("*.mp4")} == {"1.mp4"}


def test_a_batch_that_is_killed_goes_on_where_it_was(folder: Path) -> None:
    path = manifest(folder, *({"speech": f"lesson{n}.wav", "out": f"out/{n}.mp4"} for n in range(3)))
    command = [sys.executable, "-m", "sonic", "batch", str(path), "-o", str(folder / "out"), "--workers", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if '"row"' in line and '"done"' in line:
            break
    process.kill()
    process.wait()
    process.stdout.close()
    lines = (folder / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    plan = plan_of(folder, *({"speech": f"lesson{n}.wav", "out": f"out/{n}.mp4"} for n in range(3)))
    _until_workers_are_gone(folder / "out")
    done = run(folder, plan)
    assert done.kept >= 1 and done.kept + done.made == 3 and len(lines) >= 1
    left = [path.name for path in (folder / "out").iterdir() if ".part" in path.name]
    assert not left, "what the killed workers were at is swept"


def _until_workers_are_gone(out: Path) -> None:
    """The worker sees that its parent died, and ends."""
    for _ in range(200):
        found = subprocess.run(["pgrep", "-f", str(out)], capture_output=True, text=True).stdout
        if not found.strip():
            return
        time.sleep(0.05)


def test_results_survive_torn_lines_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.jsonl"

    def outcome(number: int) -> Outcome:
        return Outcome(row=number, where=f"row {number}", key="k", state=DONE, out=f"{number}.mp4")

    results = Results(path)
    results.add(outcome(1))
    with open(path, "ab") as file:
        file.write(b'{"row": 2, "where"')
    torn = Results(path)
    with monkeypatch.context() as patch:
        patch.setattr("sonic.apps.batch.folder.os.fsync", lambda file: (_ for _ in ()).throw(OSError(28, "full")))
        torn.add(outcome(3))
    assert set(Results(path).latest) == {"1.mp4"}
    torn.add(outcome(4))
    assert set(Results(path).latest) == {"1.mp4", "3.mp4", "4.mp4"}, "what found no room is written with the next"


def test_the_command_tells_problems_and_exits_by_what_came(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(folder / "out")
    path = manifest(folder, {"speech": "lesson0.wav"}, {"speech": "missing.wav"})
    assert main(["batch", str(path), "-o", out]) == 2
    said = capsys.readouterr().err
    assert "line 2: " in said and "missing.wav" in said and "--skip-bad" in said and not Path(out).exists()
    assert main(["batch", str(path), "-o", out, "--skip-bad", "--check"]) == 0
    assert main(["batch", "-o", out]) == 2
    assert main(["batch", str(path), "--portrait", "x.png"]) == 2


def test_workers_are_as_many_as_pay(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = plan_of(folder, *({"speech": "lesson0.wav", "out": f"out/{n}.mp4"} for n in range(9))).rows
    assert n_workers(rows[:1]) == 1
    assert 1 <= n_workers(rows) <= (os.cpu_count() or 1)
    monkeypatch.setattr("sonic.apps.batch.workers.cores", lambda: 64)
    monkeypatch.setattr("sonic.apps.batch.workers._free_bytes", lambda: 3 * 10**9)
    large = [replace(row, settings=row.settings.replace(min_resolution=1080)) for row in rows]
    assert 1 <= n_workers(large) < n_workers(rows) <= 9, "large pictures need more memory"
    assert n_workers([replace(row, settings=row.settings.replace(engine="svd")) for row in rows]) == 1


def test_rows_that_are_no_rows_say_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('[1]\n{"portrait": 3, "speech": "b"}\n{oops\n{"speech": ["a", "b"], "out": "x.mp4"}\n')
    plan = check_rows(read_manifest(path), Defaults({}, demo.consent(), tmp_path))
    assert [where for where, _ in plan.problems] == ["line 1", "line 2", "line 3", "line 4"]
    assert not plan.rows
    assert isinstance(read_manifest(path)[0], RawRow)


def test_a_few_lines_that_stand_for_any_number_of_rows_are_refused(tmp_path: Path) -> None:
    """A matrix of 9 million rows from 30 kB; and YAML whose aliases stand for a thousand million words."""
    matrix = tmp_path / "matrix.jsonl"
    matrix.write_text(json.dumps({"portrait": ["p.png"] * 3000, "speech": ["s.wav"] * 3000}))
    assert "stands for 9000000 rows" in read_manifest(matrix)[0].problem
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    laughs = tmp_path / "laughs.yaml"
    laughs.write_text(f"a0: &a0 [{', '.join('x' * 10)}]\n{levels}rows: [*a8]\n")
    assert read_manifest(laughs)[0].problem == "is list; write an object with portrait and speech"


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_lies_where_the_results_go_is_looked_at_first(kind: str, tmp_path: Path) -> None:
    special(kind, tmp_path).rename(tmp_path / "results.jsonl") if kind != "loop" else (
        tmp_path / "results.jsonl"
    ).symlink_to("results.jsonl")
    with pytest.raises(OutputError, match="cannot be"):
        Results(tmp_path / "results.jsonl")


def test_the_report_has_a_line_a_language_and_says_where_lips_stay_open(folder: Path) -> None:
    rows = plan_of(
        folder, {"speech": "lesson0.wav", "language": "en"}, {"speech": "lesson1.wav", "language": "ar"}
    ).rows
    results = Results(folder / "results.jsonl")
    for row, shut in zip(rows, (0.95, 0.4), strict=True):
        measures = {"lag_ms": 10.0, "lag_certainty": 9.0, "lip_gap_sd": 0.07, "closures_shown": shut}
        results.add(Outcome.of(row, DONE, measures=measures))
    write_report(rows, results, folder / "report.html", wall_s=1.0)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<td>en<td>1<td>+10 ms<td>0.070<td>95%<td></tr>" in page
    assert "<td>ar<td>1<td>+10 ms<td>0.070<td>40%<td><span" in page
    assert "lips shut on 40% of p b m; look at it, and try articulation clear" in page
