"""Settings of every video; those that only the default engine heeds say so."""

from dataclasses import dataclass
from fractions import Fraction

from sonic.settings.table import setting

AUTO_LANGUAGE = "auto"
"""Instead of a tag: found in the recording."""


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """What a video shows, how it moves, and how it is written."""

    engine: str = setting("light", "Engine that makes the video; `sonic doctor` lists those installed.", str)
    duration: float | None = setting(
        None, "Length of the video; less than the recording trims picture and sound.", float,
        low=0.04, high=36_000, step=0.1, unit="s", unset="the recording's own length", phase="speech",
    )  # fmt: skip
    audio_track: int | None = setting(
        None, "Which audio track of the recording is spoken, counted from 1.", int,
        low=1, high=99, step=1, unset="the first that holds speech", phase="load",
    )  # fmt: skip
    min_resolution: int | None = setting(
        None, "Shorter side of the video; 1024 gives 1080p-class video.", int,
        low=128, high=2048, step=2, unit="px", unset="the photo's own, at most 1080", phase="frame",
    )  # fmt: skip
    framing: str = setting(
        "full", "What the video shows: the full photo, a square around the face, or the face in a fixed format.", str,
        choices=("full", "face", "9:16", "16:9", "1:1"), phase="frame",
    )  # fmt: skip
    expand_ratio: float = setting(
        0.18, "Room around the face when the framing crops, so that no movement is cut.", float,
        low=0, high=1, step=0.01, recommended=(0.15, 0.20),
        outside="below 0.15 a moving head may touch the edge, above 0.20 the face gets small", phase="frame",
    )  # fmt: skip
    face: int | None = setting(
        None, "Which face to animate, counted from the left.", int,
        low=1, high=99, step=1, unset="the only one", phase="frame",
    )  # fmt: skip
    inference_steps: int = setting(
        25, "Denoising steps of the diffusion model; more is slower.", int,
        low=1, high=100, step=1, recommended=(20, 30), tolerated=(10, 40),
        outside="below 10 the lips get imprecise, above 40 there is nothing to gain",
    )  # fmt: skip
    dynamic_scale: float = setting(
        1.0, "How far the mouth moves; 0 keeps it still.", float,
        low=0, high=2, step=0.05, recommended=(0.8, 1.2),
        outside="below 0.8 the mouth hardly opens, above 1.2 it looks overdone",
    )  # fmt: skip
    motion_scale: float = setting(
        1.0, "How far head, gaze, brows and smiles move; 0 keeps them still.", float,
        low=0, high=2, step=0.05, recommended=(0.0, 1.3),
        outside="above 1.3 the head looks restless and its edges may bend",
    )  # fmt: skip
    blink_scale: float = setting(
        1.0, "How often the eyes blink, relative to a speaking person; 0 is never.", float,
        low=0, high=2, step=0.05, engine="light",
    )  # fmt: skip
    fps: Fraction = setting(  # noqa: RUF009
        Fraction(25), "Frames per second; the motion is resampled, never sped up.", Fraction,
        low=12.5, high=60, step=0.5, unit="1/s",
    )  # fmt: skip
    seed: int = setting(0, "Same inputs, settings and seed give the same motion.", int, low=0, high=2**31 - 1, step=1)
    articulation: str = setting(
        "natural", "How sharply lips show single sounds; clear is for people who read lips: p, f and u are shown "
        "more surely and longer, and the mouth opens no wider.", str,
        choices=("natural", "clear"), engine="light",
    )  # fmt: skip
    expression: str = setting(
        "neutral", "How the person bears themselves: friendly smiles where phrases end, serious knits the brows, "
        "lively moves brows and head more.", str,
        choices=("neutral", "friendly", "serious", "lively"), engine="light",
    )  # fmt: skip
    expression_scale: float = setting(
        1.0, "How strongly expression is shown; 0 is neutral.", float,
        low=0, high=1.5, step=0.05, recommended=(0.5, 1.2), engine="light",
        outside="below 0.5 it is hardly seen, above 1.2 smiles become grins and the brows never rest",
    )  # fmt: skip
    audio_offset_ms: float = setting(
        0.0, "Moves the lips against the sound, on top of the automatic alignment; positive makes the lips later.",
        float, low=-200, high=200, step=5, unit="ms", recommended=(-50, 50),
        outside="beyond 50 ms people see that lips and sound disagree", phase="time",
    )  # fmt: skip
    smoothing: float = setting(
        0.5, "How much the motion is smoothed; 0 is off.", float, low=0, high=1, step=0.05,
        recommended=(0.0, 0.8), outside="above 0.8 quick closures such as p and b get lost", engine="light",
        phase="time",
    )  # fmt: skip
    crf: int = setting(
        18, "Video quality, H.264 constant rate factor: lower is better and larger.", int,
        low=0, high=40, step=1, recommended=(14, 26), outside="below 14 files grow for nothing, above 26 blocks show",
        phase="encode",
    )  # fmt: skip
    encoder_preset: str = setting(
        "veryfast", "x264 speed: slower presets make smaller files.", str,
        choices=("ultrafast", "superfast", "veryfast", "faster", "medium", "slow"), phase="encode",
    )  # fmt: skip
    label_position: str = setting(
        "auto", "Corner of the visible AI label, unless it would cover a face there; auto takes a top corner.", str,
        choices=("auto", "top-left", "top-right", "bottom-left", "bottom-right"), phase="mark",
    )  # fmt: skip
    label_span: str = setting(
        "throughout", "When the visible AI label shows: throughout, or in the opening seconds.", str,
        choices=("throughout", "opening"), phase="mark",
    )  # fmt: skip
    language: str | None = setting(
        None, "What the speech is in, a tag such as en or pt-BR, or auto: found by machine (extra captions). Recorded, "
        "and asked for by some consents.", str,
        unset="not stated", phase="mark",
    )  # fmt: skip
    purpose: str | None = setting(
        None, "What the video is for, such as education: recorded, and asked for by some consents.", str,
        unset="not stated", phase="mark",
    )  # fmt: skip
    platform: str | None = setting(
        None, "Where the video goes: the label keeps to the part of the picture that is free there, the file to its "
        "rules; --platform also sets size and frame rate.", str,
        unset="none", phase="mark",
    )  # fmt: skip
