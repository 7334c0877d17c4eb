"""Captions of one job: read before the work, timed on its speech, written beside its video."""

from dataclasses import dataclass
from pathlib import Path

from sonic.captions import Captions, Script, read_captions, timed
from sonic.captions.draw import CaptionStyle
from sonic.captions.formats import NOTE, to_srt, to_vtt
from sonic.errors import OutputError
from sonic.files import atomic_write, open_regular
from sonic.pipeline.job import Job
from sonic.pipeline.prepare import Prepared
from sonic.types import Opening

SUFFIXES = (".vtt", ".srt")
_HEAD_BYTES = 200


@dataclass(frozen=True, slots=True)
class CaptionRequest:
    """What somebody wants captions from, and where they are to be seen."""

    source: Path
    """A text, or subtitles in SRT or WebVTT."""
    style: CaptionStyle | None = None
    """How they are drawn into the picture; None leaves the picture alone."""

    def read(self, out: Path, *, overwrite: bool = False) -> Script:
        """The script, read before any work; raises MediaError, and OutputError where files are in the way."""
        for path in caption_paths(out):
            if not path.exists() or (overwrite and not path.is_dir() and not path.samefile(self.source)):
                continue
            if path.samefile(self.source) or not _is_ours(out):
                raise OutputError(f"{str(path)!r} exists and no earlier job made it; give the video another name")
        return self.script()

    def script(self) -> Script:
        """The script alone. Raises MediaError."""
        return read_captions(self.source)

    def timed(self, script: Script, prepared: Prepared, job: Job) -> Captions:
        """The captions of the speech that is in the video; what was done is among the job's notices."""
        heard = Opening(prepared.speech.samples, round(prepared.duration_s * 16_000))
        made = timed(script, heard, job.observer.notice, language=job.settings.language)
        where = "drawn into the picture" if self.style else "beside the video"
        job.observer.notice(f"captions from {script.name!r} {where}; their times are {made.method}")
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


def _is_ours(out: Path) -> bool:
    """Whether captions beside this video are of an earlier job: the WebVTT says so."""
    try:
        with open_regular(out.with_suffix(".vtt")) as file:
            return NOTE.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False
