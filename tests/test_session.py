"""A session keeps its engines, asks once for what one job needs, and its jobs can be observed and cancelled."""

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import sonic
from sonic import demo
from sonic.pipeline.job import Job, Pace
from sonic.session import Session
from sonic.settings import Settings
from sonic.types import Observer, Progress

SMALL = Settings(min_resolution=160, duration=0.5, inference_steps=1, fps=Fraction(15))


def counted(patch: pytest.MonkeyPatch, *places: str) -> Counter[str]:
    """How often each function is called where it is used, by its name."""
    calls: Counter[str] = Counter()
    for place in places:
        module, name = place.rsplit(".", 1)
        real = getattr(__import__(module, fromlist=[name]), name)

        def call(*args: Any, _real: Any = real, _name: str = name, **options: Any) -> Any:
            calls[_name] += 1
            return _real(*args, **options)

        patch.setattr(place, call)
    return calls


def test_two_jobs_share_one_engine_and_closing_gives_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = counted(monkeypatch, "sonic.session.open_engine")
    with Session() as session:
        for name in ("a.mp4", "b.mp4"):
            session.generate(demo.PORTRAIT, demo.SPEECH, tmp_path / name, consent=demo.consent(), job=Job(SMALL))
        assert calls["open_engine"] == 1
    session.warm("light")
    assert calls["open_engine"] == 2, "a closed session opens engines anew"


def test_another_seed_needs_no_other_analysis_and_hears_its_notices_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch, "sonic.pipeline.latest.analyse_portrait", "sonic.pipeline.latest.load_speech")
    with Session() as session:
        jobs = [Job(SMALL.replace(seed=1)), Job(SMALL.replace(seed=2)), Job(SMALL.replace(framing="face"))]
        for n, job in enumerate(jobs):
            session.generate(demo.PORTRAIT, demo.SPEECH, tmp_path / f"{n}.mp4", consent=demo.consent(), job=job)
    assert calls == {"analyse_portrait": 2, "load_speech": 1}, "the third job frames the photo otherwise"
    assert jobs[0].notices == jobs[1].notices


def test_another_recording_needs_no_other_analysis_of_the_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch, "sonic.pipeline.latest.analyse_portrait", "sonic.pipeline.latest.load_speech")
    other = tmp_path / "other.flac"
    other.write_bytes(demo.SPEECH.read_bytes())
    with Session() as session:
        for n, speech in enumerate((demo.SPEECH, other)):
            session.generate(demo.PORTRAIT, speech, tmp_path / f"{n}.mp4", consent=demo.consent(), job=Job(SMALL))
    assert calls == {"analyse_portrait": 1, "load_speech": 2}


def test_one_job_looks_once_for_policy_signer_and_a_log_and_twice_at_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(
        monkeypatch,
        "sonic.pipeline.preflight.identity",
        "sonic.pipeline.preflight.active",
        "sonic.pipeline.preflight.check_output",
        "sonic.pipeline.write.check_output",
        "sonic.pipeline.preflight.authorise",
        "sonic.provenance.audit.ready",
    )
    sonic.generate(demo.PORTRAIT, demo.SPEECH, tmp_path / "out.mp4", consent=demo.consent(), settings=SMALL)
    once = dict.fromkeys(("identity", "active", "authorise", "ready"), 1)
    assert calls == once | {"check_output": 2}, "the second look at the output is the one before it gets its name"


def test_a_job_is_cancelled_from_outside_and_leaves_nothing(tmp_path: Path) -> None:
    job: Job

    def cancel(report: Progress) -> None:
        if report.stage == "video" and report.done == 2:
            job.cancel()

    job = Job(SMALL, Observer(cancel))
    with pytest.raises(sonic.Cancelled, match="nothing was written"), Session() as session:
        session.generate(demo.PORTRAIT, demo.SPEECH, tmp_path / "out.mp4", consent=demo.consent(), job=job)
    assert not list(tmp_path.iterdir())


def test_every_observer_sees_every_frame_and_a_notice_once(tmp_path: Path) -> None:
    frames: list[list[int]] = [[], []]
    notices: list[str] = []
    observers = [Observer(frame=lambda frame, seen=seen: seen.append(frame.index)) for seen in frames]
    job = Job(SMALL.replace(motion_scale=2), *observers, Observer(notice=notices.append))
    with Session() as session:
        session.generate(demo.PORTRAIT, demo.SPEECH, tmp_path / "out.mp4", consent=demo.consent(), job=job)
    assert frames[0] == frames[1] == list(range(8))
    assert len(notices) == len(set(notices)) == len(job.notices)
    assert any("motion_scale 2" in line for line in notices)


def test_the_pace_of_a_stage_is_units_a_second_and_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((0.0, 2.0, 100.0, 104.0))
    monkeypatch.setattr("sonic.pipeline.job.time.monotonic", lambda: next(now))
    pace = Pace()
    assert pace.of(Progress("video", 0, 100)) == (0, 0), "too early to tell"
    assert pace.of(Progress("video", 20, 100)) == (10, 8)
    assert pace.of(Progress("track", 0, 10)) == (0, 0), "a new stage begins anew"
    assert pace.of(Progress("track", 8, 10)) == (2, 1)
