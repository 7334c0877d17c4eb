"""Batches whose files lie in an object store: nothing shows before it is complete, a second call knows it."""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from small_videos import save_sound, tone

from sonic import demo
from sonic.apps.batch import stores
from sonic.apps.batch.desk import Desk
from sonic.apps.batch.inputs import Inputs, remote_folder
from sonic.apps.batch.manifest import read_manifest, rows_of
from sonic.apps.batch.outcome import DONE, Outcome, Results
from sonic.apps.batch.places import Url, place_of
from sonic.apps.batch.plan import Plan, check_rows
from sonic.apps.batch.rows import Defaults, Row
from sonic.apps.batch.run import Batch, run_batch
from sonic.apps.batch.work import make
from sonic.apps.batch.workers import Options
from sonic.apps.cli.main import main
from sonic.errors import InstallError, MediaError, SettingError
from sonic.provenance.signer import identity
from sonic.session import Session

fsspec = pytest.importorskip("fsspec")
QUICK = {"min_resolution": 128, "inference_steps": 1, "fps": 15, "duration": 0.3}
OUT = Url("memory://bucket/videos")
WARM = Session()


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    WARM.close()


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A store in memory with a portrait and recordings; what is kept of it on this machine goes with the test."""
    monkeypatch.setattr("sonic.apps.batch.inputs.cache_folder", lambda: tmp_path / "cache")
    memory = fsspec.filesystem("memory", use_listings_cache=False)
    memory.store.clear()
    memory.pipe("/bucket/in/teacher.png", demo.PORTRAIT.read_bytes())
    for n in range(2):
        save_sound(tmp_path / "lesson.wav", tone(0.4 + 0.1 * n, 16_000), 16_000)
        memory.pipe(f"/bucket/in/lesson{n}.wav", (tmp_path / "lesson.wav").read_bytes())
    yield memory
    memory.store.clear()


def manifest(bucket: Any, *rows: dict[str, Any]) -> Url:
    whole = [{"portrait": "teacher.png", "consent": "synthetic", **QUICK, **row} for row in rows]
    bucket.pipe("/bucket/in/rows.jsonl", "".join(json.dumps(row) + "\n" for row in whole).encode())
    return Url("memory://bucket/in/rows.jsonl")


def plan_of(bucket: Any, *rows: dict[str, Any], overwrite: bool = False) -> Plan:
    earlier = Results(OUT / "results.jsonl").latest
    rows_read = read_manifest(manifest(bucket, *rows))
    return check_rows(rows_read, Defaults({}, None, OUT), earlier=earlier, overwrite=overwrite)


def here(rows: Sequence[Row], options: Options, on_share: Any) -> Iterator[Outcome]:
    """A runner in this process: the store is in its memory."""
    with Desk() as desk:
        for row in rows:
            yield make(row, WARM, desk, overwrite=options.overwrite, on_share=lambda share: None)


def run(plan: Plan) -> Batch:
    assert not plan.problems, plan.problems
    return run_batch(plan.rows, OUT, options=Options(), runner=here)


def names(bucket: Any) -> set[str]:
    return {str(path).rpartition("/")[2] for path in bucket.find("/bucket/videos")}


def test_parts_of_urls_are_those_of_paths() -> None:
    url = Url("s3://bucket/lessons/1.en.wav")
    assert (url.name, url.stem, url.suffix, str(url.parent)) == ("1.en.wav", "1.en", ".wav", "s3://bucket/lessons")
    assert str(url.with_suffix(".mp4")) == "s3://bucket/lessons/1.en.mp4"
    assert place_of("../b/x.png", url.parent) == Url("s3://bucket/b/x.png")
    assert place_of("gs://other/x.png", url.parent) == Url("gs://other/x.png")
    assert place_of("/tmp/x.png", url.parent) == Path("/tmp/x.png")
    assert place_of("file:///tmp/a%20b.png") == Path("/tmp/a b.png")
    assert place_of("C:/x.png") == Path("C:/x.png")
    assert place_of("https://host/x.wav?signature=1").name == "x.wav"
    for wrong in ("s3://", "sftp://ada:secret@host/x"):
        with pytest.raises(SettingError):
            place_of(wrong)
    with pytest.raises(SettingError, match="leads out"):
        place_of("../../../x.png", url.parent)


def test_rows_are_made_from_a_store_into_a_store_and_kept_by_the_second_call(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.pipe("/bucket/in/words.srt", b"1\n00:00:00,000 --> 00:00:00,250\nHello\n")
    rows = [{"speech": "lesson0.wav", "out": "../videos/0.mp4", "captions": "words.srt"}, {"speech": "lesson1.wav"}]
    first = run(plan_of(bucket, *rows))
    assert (first.made, first.failed) == (2, [])
    assert names(bucket) == {
        "0.mp4", "0.json", "0.vtt", "0.srt", "teacher-lesson1.mp4", "teacher-lesson1.json", "results.jsonl",
        "report.html",
    }  # fmt: skip
    page = bucket.cat("/bucket/videos/report.html").decode()
    assert page.count("data:image/jpeg") == 2 and 'href="0.mp4"' in page
    record = json.loads(bucket.cat("/bucket/videos/0.json"))
    assert record["video"]["sha256"] == _sha256(bucket.cat("/bucket/videos/0.mp4"))
    assert not list((tmp_path / "cache" / "remote" / "rows").iterdir()), "nothing is left on this machine but inputs"
    reads = _counted(bucket, monkeypatch)
    again = run(plan_of(bucket, *rows))
    assert (again.made, again.kept) == (0, 2)
    assert not any(path.endswith((".mp4", ".png", ".wav")) for path in reads), "nothing large is read again"


def test_what_is_missing_torn_or_changed_is_made_again(bucket: Any) -> None:
    rows = [{"speech": f"lesson{n}.wav", "out": f"../videos/{n}.mp4"} for n in range(2)]
    run(plan_of(bucket, *rows))
    bucket.rm_file("/bucket/videos/0.json")
    _kill_before_the_record(bucket, "1")
    assert run(plan_of(bucket, *rows)).made == 2, "a video without a record that names it is missing"
    assert "1.json.part" not in names(bucket)
    bucket.pipe("/bucket/in/lesson1.wav", bucket.cat("/bucket/in/lesson0.wav"))
    third = run(plan_of(bucket, *rows))
    assert (third.made, third.kept) == (1, 1), "another recording under the same name"


def test_what_somebody_else_wrote_is_kept(bucket: Any) -> None:
    row = {"speech": "lesson0.wav", "out": "../videos/0.mp4"}
    bucket.pipe("/bucket/videos/0.mp4", b"theirs")
    assert "earlier output" in plan_of(bucket, row).problems[0][1]
    plan = plan_of(bucket, row, overwrite=True)
    bucket.pipe("/bucket/videos/0.mp4", b"theirs, just now")
    done = run(plan)
    assert done.failed[0].kind == "OutputError" and bucket.cat("/bucket/videos/0.mp4") == b"theirs, just now"
    bucket.pipe("/bucket/videos/1.json", b"{}")
    assert "not the record" in plan_of(bucket, {**row, "out": "../videos/1.mp4"}).problems[0][1]


def test_an_input_that_changes_after_the_check_is_refused(bucket: Any) -> None:
    plan = plan_of(bucket, {"speech": "lesson0.wav"})
    bucket.pipe("/bucket/in/lesson0.wav", bucket.cat("/bucket/in/lesson1.wav"))
    shutil.rmtree(remote_folder() / "inputs")  # as on another machine
    failed = run(plan).failed
    assert [one.kind for one in failed] == ["OutputError"] and "changed" in failed[0].message


def test_the_cache_stays_within_its_limit(bucket: Any, tmp_path: Path) -> None:
    inputs = Inputs(tmp_path / "kept", most_bytes=30_000)
    paths = [inputs.path(Url(f"memory://bucket/in/lesson{n}.wav"), 10**6) for n in (0, 1)]
    assert [path.exists() for path in paths] == [True, True]
    bucket.pipe("/bucket/in/long.wav", bytes(20_000))
    inputs.path(Url("memory://bucket/in/long.wav"), 10**6)
    assert sum(path.stat().st_size for path in (tmp_path / "kept").rglob("*.wav")) <= 30_000
    with pytest.raises(MediaError, match="larger than"):
        inputs.path(Url("memory://bucket/in/teacher.png"), 1000)


def test_folders_and_consents_of_a_store(bucket: Any, tmp_path: Path) -> None:
    rows = rows_of(["memory://bucket/in/teacher.png"], ["memory://bucket/in"], {}, OUT)
    assert [row.values["out"] for row in rows] == [f"memory://bucket/videos/in-lesson{n}.mp4" for n in range(2)]
    assert "nothing of consent" in check_rows(rows, Defaults(QUICK, None, OUT)).problems[0][1]
    demo.consent().signed(identity()).save(tmp_path / "consent.json")
    bucket.pipe("/bucket/in/teacher.consent.json", (tmp_path / "consent.json").read_bytes())
    beside = check_rows(rows, Defaults(QUICK, None, OUT))
    assert not beside.problems and all(row.consent.signature for row in beside.rows)
    named = plan_of(bucket, {"speech": "lesson0.wav", "consent": "teacher.consent.json"})
    assert named.rows[0].consent == beside.rows[0].consent


def test_mistakes_are_one_line_each(bucket: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of(
        bucket,
        {"speech": "nowhere.wav"},
        {"speech": "nosuch://bucket/x.wav"},
        {"speech": "lesson0.wav", "out": "x.mov"},
    )
    said = [problem for _, problem in plan.problems]
    assert "is not there" in said[0] and "protocol" in said[1] and ".mp4" in said[2]
    assert main(["batch", "memory://bucket/in/none.jsonl", "-o", str(OUT)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_package_and_refused_credentials_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def info(self, path: str) -> None:
            raise PermissionError("Forbidden")

    monkeypatch.setattr(fsspec, "url_to_fs", lambda url, **options: (Refusing(), url))
    with pytest.raises(MediaError, match="set credentials of s3://"):
        stores.stat(Url("s3://bucket/x"))
    monkeypatch.setattr(fsspec, "url_to_fs", lambda *a, **b: (_ for _ in ()).throw(ImportError("Install s3fs")))
    with pytest.raises(InstallError, match="Install s3fs"):
        stores.stat(Url("s3://bucket/x"))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(InstallError, match=r"sonic-talk\[remote\]"):
        stores.stat(Url("s3://bucket/x"))


def test_results_of_a_killed_call_are_read_by_the_next(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.apps.batch.folder.PART_BYTES", 500)
    results = Results(OUT / "results.jsonl")
    for n in range(5):
        results.add(Outcome(row=n, where="", key="k", state=DONE, out=f"{n}.mp4"))
    assert "results.jsonl" not in names(bucket) and len(names(bucket)) > 1
    after = Results(OUT / "results.jsonl")
    assert set(after.latest) == {f"{n}.mp4" for n in range(5)}
    after.add(Outcome(row=5, where="", key="k", state=DONE, out="5.mp4"))
    after.close()
    assert names(bucket) == {"results.jsonl"} and len(Results(OUT / "results.jsonl").latest) == 6


def _kill_before_the_record(bucket: Any, name: str) -> None:
    """As it is when a process dies after it has uploaded a video anew, and before its record."""
    video, record = bucket.cat(f"/bucket/videos/{name}.mp4") + b"another", f"/bucket/videos/{name}.json"
    values = json.loads(bucket.cat(record))
    values["video"]["sha256"] = _sha256(video)
    bucket.pipe(f"{record}{stores.TEMPORARY}", json.dumps(values).encode())
    bucket.pipe(f"/bucket/videos/{name}.mp4", video)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _counted(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that are read from now on."""
    reads: list[str] = []
    opened = bucket.open

    def counting(path: str, mode: str = "rb", **options: Any) -> Any:
        if "r" in mode:
            reads.append(path)
        return opened(path, mode, **options)

    monkeypatch.setattr(bucket, "open", counting)
    return reads
