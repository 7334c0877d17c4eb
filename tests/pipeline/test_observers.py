"""Who watches frames cannot change the video, and what is signed was read back from the file."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edited_videos import encoded, portrait_frames
from small_videos import Job as Video

import sonic
import sonic.pipeline.write
from sonic import demo
from sonic.errors import OutputError, SettingError
from sonic.media.video import decode_video
from sonic.pipeline import stages
from sonic.pipeline.mark import LabelledFrames
from sonic.pipeline.write import record_path
from sonic.provenance.watermark import Watermark
from sonic.session import Session
from sonic.settings import Settings
from sonic.types import Frame, Observer
from sonic.verification import verify

SMALL = Settings(min_resolution=160, duration=0.6, inference_steps=1, fps=Fraction(15))


def whitewash(frame: Frame) -> None:
    """What an observer tries who wants a video without marks: the picture, its base, its flags."""
    with pytest.raises(ValueError, match="read-only"):
        frame.rgb[:] = 255
    assert frame.rgb.base is None
    frame.rgb.flags.writeable = True  # a copy is the observer's own
    frame.rgb[:] = np.random.default_rng(0).integers(0, 256, frame.rgb.shape, np.uint8)


def test_an_observer_cannot_wipe_the_marks_off_the_video(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    made = sonic.generate(demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=SMALL, on_frame=whitewash)
    found = verify(out)
    assert made.n_frames == 9 and found.verdict == "intact"
    assert found.layer("label").facts["labelled"] == found.layer("label").facts["frames"]
    assert found.layer("watermark").state == "found"


@pytest.mark.parametrize("wiped", ["label", "watermark"])
def test_marks_that_are_not_in_the_encoded_file_are_noticed_before_it_is_signed(
    wiped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Video(tmp_path, size_px=(256, 256), draw=portrait_frames((256, 256)))
    if wiped == "label":
        monkeypatch.setattr(LabelledFrames, "_draw_label", lambda self, rgb: None)
        with pytest.raises(OutputError, match=r"visible label cannot be read .* 0\.00 s") as caught:
            job.write(tmp_path / "out.mp4")
        assert "\n" not in str(caught.value) and [p.name for p in tmp_path.iterdir()] == ["speech.wav"]
        return
    monkeypatch.setattr(Watermark, "embed", lambda self, rgb: None)
    out = job.write(tmp_path / "out.mp4")
    assert any("watermark cannot be read" in line for line in job.notices)
    assert '"watermark": false' in record_path(out).read_text(encoding="utf-8")
    found = verify(out)
    assert (found.verdict, found.layer("watermark").state) == ("intact", "absent"), "it says so itself"


@pytest.mark.parametrize("missing", ["label", "watermark"])
def test_a_signed_video_without_a_mark_that_it_promises_is_a_contradiction(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a version whose observers could draw would have signed it."""
    size = (256, 256)
    job = Video(tmp_path, size_px=size, draw=portrait_frames(size))
    real: Callable[..., Any] = sonic.pipeline.write.sign

    def wiping(unsigned: Path, signed: Path, **rest: Any) -> Any:
        pictures = [rgb.copy() for _, rgb in decode_video(unsigned)]
        label = job.clip.label
        height, width = label.rgba.shape[:2]
        place = np.s_[label.top_px : label.top_px + height, label.left_px : label.left_px + width]
        for index, rgb in enumerate(pictures):
            labelled = rgb[place].copy()
            if missing == "watermark":
                portrait_frames(size)(index, rgb)
            rgb[place] = 90 if missing == "label" else labelled
        encoded(iter(pictures), unsigned, Fraction(25), tags={"AIGC": job.record.aigc()})
        return real(unsigned, signed, **rest)

    monkeypatch.setattr(sonic.pipeline.write, "sign", wiping)
    monkeypatch.setattr(sonic.pipeline.write, "verify", lambda *rest: None)
    found = verify(job.write(tmp_path / "out.mp4"))
    assert (found.verdict, found.exit_code) == ("contradictory", 15)
    assert len(found.conflicts) == 1 and missing in found.conflicts[0]


@pytest.mark.parametrize("size", [(128, 128), (160, 160), (512, 512)])
@pytest.mark.parametrize("seconds", [0.04, 2])
def test_what_was_written_is_never_a_contradiction(size: tuple[int, int], seconds: float, tmp_path: Path) -> None:
    for crf in (18, 40 if seconds > 1 else 30):  # at 40 the label of a single small frame cannot be read: refused
        job = Video(tmp_path, size_px=size, duration_s=seconds, draw=portrait_frames(size), crf=crf)
        found = verify(job.write(tmp_path / "out.mp4"))
        assert (found.verdict, found.conflicts) == ("intact", ())


def test_a_faint_watermark_is_said_before_and_after(tmp_path: Path) -> None:
    notices: list[str] = []
    small = SMALL.replace(min_resolution=128)
    out = tmp_path / "out.mp4"
    sonic.generate(demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=small, on_notice=notices.append)
    assert any("too faint" in line and "160 or more" in line for line in notices)
    assert "too faint" in record_path(out).read_text(encoding="utf-8")


def test_a_preview_is_a_few_stills_and_never_a_run_of_frames() -> None:
    with Session() as session:
        job = sonic.Job(SMALL.replace(duration=3), Observer())
        for n in (0, 25, 10**9):
            with pytest.raises(SettingError, match="1 to 24 are given without consent"):
                session.preview(demo.PORTRAIT, demo.SPEECH, n_pictures=n, job=job)
        stills = session.preview(demo.PORTRAIT, demo.SPEECH, n_pictures=24, job=job)
    indices = [frame.index for frame in stills]
    assert len(indices) == 12 and min(np.diff(indices)) >= stages.STILLS_APART_S * 15


def test_no_public_name_gives_unmarked_frames() -> None:
    take_names = {name for name in stages.MotionTake.__dataclass_fields__ if not name.startswith("_")}
    assert take_names == {"prepared", "motion"}
    assert not {name for name in (*vars(Session), *vars(stages)) if name in ("engine", "clip_of", "finish_clip")}
