"""Does a video keep a platform's rules? One finding a rule, each with its remedy; works on files of any tool."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from sonic.media.mp4 import Delivery, read_delivery
from sonic.settings.platforms import Platform

BT709 = (1, 1, 1)
_MAX_AUDIO_HZ = 48_000
_IN_STEP_S = 0.03
"""Sound and picture that start this close together start together."""
_SLACK_S = 0.05
_MARKS = {"ok": "ok  ", "advice": "note", "wrong": "WRONG"}

State = Literal["ok", "advice", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and whether it is kept."""

    rule: str
    state: State
    """ok; advice: the platform takes it, but changes or hides something; wrong: it is refused or breaks."""
    found: str
    remedy: str = ""
    """Empty where nothing is to be done."""


@dataclass(frozen=True, slots=True)
class DeliveryCheck:
    """All findings on one file for one platform."""

    video: Path
    platform: Platform
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.state != "wrong" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """For --json and records."""
        return {
            "platform": self.platform.name,
            "passed": self.passed,
            "findings": [asdict(finding) for finding in self.findings],
            "declare": dict(self.platform.declare),
        }

    def to_text(self) -> str:
        """For a person: a line a rule, then what to declare there."""
        lines = []
        for finding in self.findings:
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            lines.append(f"{_MARKS[finding.state]:<6}{finding.rule:<16}{finding.found}{remedy}")
        title = self.platform.title
        verdict = "keeps the rules of" if self.passed else "does not keep the rules of"
        lines.append(f"{self.video.name} {verdict} {title['en']}")
        return "\n".join(
            [*lines, f"declare there: {self.platform.declare['en']}", f"发布时声明：{self.platform.declare['zh']}"]
        )


def check_delivery(video: Path, rules: Platform) -> DeliveryCheck:
    """Hold ``video`` to the rules of a platform. Raises MediaError for what is no video."""
    seen = read_delivery(video)
    return DeliveryCheck(video, rules, (*_container(seen), *_picture(seen, rules), *_time(seen, rules), *_sound(seen)))


def _finding(rule: str, kept: bool, found: str, remedy: str, otherwise: State = "wrong") -> Finding:
    return Finding(rule, "ok", found) if kept else Finding(rule, otherwise, found, remedy)


def _container(seen: Delivery) -> Iterator[Finding]:
    layout = seen.layout
    yield _finding("container", layout is not None, "MP4" if layout else "no MP4", "write an MP4")
    if layout is None:
        return
    first = layout.index_first and not layout.fragmented
    found = "fragmented" if layout.fragmented else "moov before mdat" if first else "moov after mdat"
    yield _finding("index first", first, found, "write it with faststart")
    yield _finding(
        "no edit lists", not layout.edits, f"{layout.edits} of effect" if layout.edits else "none",
        "write it without B-frames and edit lists: --platform does",
    )  # fmt: skip
    yield _finding(
        "start together", abs(seen.start_gap_s) <= _IN_STEP_S, f"sound {1000 * seen.start_gap_s:+.0f} ms",
        "start sound and picture at the same time",
    )  # fmt: skip


def _picture(seen: Delivery, rules: Platform) -> Iterator[Finding]:
    codec = seen.video_codec in ("h264", "hevc") and seen.pixel_format in ("yuv420p", "yuvj420p")
    yield _finding("codec", codec, f"{seen.video_codec} {seen.pixel_format}", "encode as H.264 in yuv420p")
    tagged = seen.colour == BT709 and not seen.full_range
    found = "BT.709, limited" if tagged else f"primaries, transfer, matrix {seen.colour}"
    found += ", full range" if seen.full_range else ""
    remedy = "tag primaries, transfer and matrix as BT.709, limited range"
    yield _finding("colour tags", tagged, found, remedy)
    width, height = seen.size_px
    same = width * rules.height == height * rules.width
    enough = min(width, height) >= min(rules.width, rules.height)
    yield _finding(
        "size", same and enough, f"{width}x{height}", f"{rules.width}x{rules.height} fills the screen there", "advice"
    )
    low, high = rules.fps_range
    yield _finding("frame rate", low <= seen.fps <= high, f"{seen.fps:g} fps", f"{low:g} to {high:g} fps")


def _time(seen: Delivery, rules: Platform) -> Iterator[Finding]:
    yield _finding(
        "closed GOP", seen.open_gops == 0, f"{seen.open_gops} open" if seen.open_gops else "closed",
        "encode with closed groups of pictures",
    )  # fmt: skip
    yield _finding(
        "key frames", seen.longest_gop_s <= rules.keyframe_s + _SLACK_S, f"every {seen.longest_gop_s:.2f} s at most",
        f"one every {rules.keyframe_s:g} s", "advice",
    )  # fmt: skip
    yield _finding(
        "bit rate", seen.mbit_s <= rules.max_mbit_s, f"{seen.mbit_s:.2f} Mbit/s",
        f"above {rules.max_mbit_s:g} Mbit/s it is compressed anew there", "advice",
    )  # fmt: skip
    yield _finding(
        "length", rules.shortest_s <= seen.duration_s + _SLACK_S and seen.duration_s <= rules.longest_s + _SLACK_S,
        f"{seen.duration_s:.2f} s", f"{rules.shortest_s:g} to {rules.longest_s:g} s",
    )  # fmt: skip


def _sound(seen: Delivery) -> Iterator[Finding]:
    fits = seen.audio_codec == "aac" and 0 < seen.audio_rate_hz <= _MAX_AUDIO_HZ
    found = f"{seen.audio_codec} at {seen.audio_rate_hz} Hz" if seen.audio_codec else "none"
    yield _finding("sound", fits, found, f"encode as AAC at up to {_MAX_AUDIO_HZ} Hz")
