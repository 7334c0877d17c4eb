"""Captions of one job: read before the work, timed on its speech, written beside its video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sonic.captions import Captions, Script, read_captions, timed
from sonic.captions.draw import CaptionStyle, chin_above
from sonic.captions.formats import NOTE, to_srt, to_vtt
from sonic.captions.recogniser import recognise
from sonic.captions.recogniser_weights import locate
from sonic.captions.timing import recognised
from sonic.errors import OutputError
from sonic.files import atomic_write, open_regular
from sonic.pipeline.job import Job
from sonic.pipeline.kept import DRAWN
from sonic.pipeline.prepare import Prepared
from sonic.settings import Settings
from sonic.settings.platforms import platform
from sonic.types import Opening

SUFFIXES = (".vtt", ".srt")
AUTO = "auto"
"""Instead of a file: what is recognised in the recording."""
_HEAD_BYTES = 200


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """What somebody wants captions from, and where they are to be seen."""

    source: Path | None
    """A text, or subtitles in SRT or WebVTT; None: what is recognised in the recording (extra ``captions``)."""
    style: CaptionStyle | None = None
    """How they are drawn into the picture; None leaves the picture alone."""
    weights: Path | None = None
    """Folder of the weights that recognise; None: SONIC_WEIGHTS, or the Hugging Face cache."""
    begin_s: float = 0.0
    """Where on the clock of subtitles the recording begins, if it is a part of a longer one."""

    @classmethod
    def of(cls, given: str | Path, style: CaptionStyle | None = None, weights: Path | None = None) -> Self:
        """As a person asks for them: a file, or AUTO."""
        return cls(None if str(given) == AUTO else Path(given), style, weights)

    def read(self, out: Path | None, *, overwrite: bool = False) -> Script | None:
        """The script, read before any work; None where it is to be recognised. ``out`` is None of frames alone.

        Raises MediaError, OutputError where files are in the way, InstallError where nothing can be recognised.
        """
        for path in caption_paths(out) if out else ():
            ours = self.source is not None and path.exists() and path.samefile(self.source)
            if not path.exists() or (overwrite and not path.is_dir() and not ours):
                continue
            if ours or not _is_ours(path):
                raise OutputError(f"{str(path)!r} exists and no earlier job made it; give the video another name")
        if self.source is None:
            locate(self.weights)
            return None
        return read_captions(self.source)

    def chin_at(self, settings: Settings) -> float | None:
        """How low the chin may lie where captions are drawn for a platform, see draw.chin_above; None: anywhere."""
        if self.style is None or settings.platform is None:
            return None
        rules = platform(settings.platform)
        return chin_above((rules.width, rules.height), rules.safe_area)

    def timed(self, script: Script | None, prepared: Prepared, job: Job) -> Captions:
        """The captions of the speech that is in the video; what was done is among the job's notices."""
        heard = Opening(prepared.speech.samples, round(prepared.duration_s * 16_000))
        where = DRAWN if self.style else "beside the video"
        if script is None:
            return self._recognised(heard, where, job)
        made = timed(script, heard, job.observer.notice, language=job.settings.language, begin_s=self.begin_s)
        job.observer.notice(f"captions from {script.name!r} {where}; their times are {made.method}")
        return made

    def _recognised(self, heard: Opening, where: str, job: Job) -> Captions:
        tell = job.observer.notice
        found = recognise(heard, tell, language=job.settings.language, folder=self.weights)
        made = recognised(found, heard)
        if not made.cues:
            tell("no words were recognised in the recording: there are no captions")
            return made
        tell(
            f"captions {where} were recognised by machine ({found.model}, language {found.language.tag}): read and "
            f"correct them before they are shown; their times are {made.method}"
        )
        return made

    def write(self, captions: Captions, out: Path) -> None:
        """Both files beside the video. Raises OutputError."""
        karaoke = self.style is not None and self.style.karaoke
        texts = (to_vtt(captions, words=karaoke), to_srt(captions))
        for path, text in zip(caption_paths(out), texts, strict=True):
            try:
                atomic_write(path, text.encode("utf-8"))
            except OSError as error:
                raise OutputError(f"{str(path)!r} cannot be written ({error.strerror}); make room") from error


def caption_paths(out: Path) -> tuple[Path, ...]:
    """Where the captions of the video ``out`` lie."""
    return tuple(out.with_suffix(suffix) for suffix in SUFFIXES)


def _is_ours(path: Path) -> bool:
    """Whether captions beside this video are of an earlier job: the WebVTT says so."""
    try:
        with open_regular(path.with_suffix(".vtt")) as file:
            return NOTE.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False
