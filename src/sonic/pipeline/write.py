"""write: Clip -> .mp4 with its record beside it. The only place that opens an output container.

The renderer runs in the caller's thread, the encoder in its own; a short queue is between them. Both files are made
under temporary names in the output's folder, read back, and only then renamed, both or neither. A failure leaves
nothing behind but the finished video where only its name or log entry failed (see kept). An existing file is replaced
if it is an earlier output, known by the record beside it, or if the caller says so.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error

from sonic.errors import OutputError
from sonic.files import read_small, rename_over
from sonic.hashing import sha256_of_file
from sonic.media.encode import encode
from sonic.pipeline.inputs import Input
from sonic.pipeline.kept import TAKEN_UP, keep, take_up
from sonic.provenance.audit import entered
from sonic.provenance.c2pa.signing import sign, verify_signature
from sonic.provenance.keys import Identity
from sonic.provenance.read_back import read_back
from sonic.provenance.record import Record, is_record
from sonic.settings import Settings
from sonic.types import Clip, Observer
from sonic.unfinished import Unfinished, sweep, unfinished

UNREADABLE = (
    "the invisible watermark cannot be read in the encoded video, and its record says so; a larger picture or a lower "
    "crf keeps it"
)
_MAX_RECORD_BYTES = 4 * 1024 * 1024
_TRIED_BYTES = 256 * 1024


def write(  # noqa: PLR0913 - the one exit: what, where to, and under what
    clip: Clip,
    out: Path,
    *,
    record: Record,
    photo_file: Path,
    signer: Identity,
    settings: Settings,
    observer: Observer,
    overwrite: bool = False,
    live: Path | None = None,
) -> Path:
    """Write the clip to ``out`` (.mp4) and its record to ``record_path(out)``; returns ``out``.

    H.264 yuv420p, BT.709, and AAC with the speech source's own sound, both as long as the clip to within one frame. An
    earlier video and record of these names are replaced, but only by complete ones; another file (see is_foreign) only
    with ``overwrite``. clip.frames is closed in any case. The audit log has the video before it has its name.
    ``signer`` signs the complete, still temporary file with Content Credentials, which name the photo's and the
    speech's files; label, watermark, metadata and signature are read back from what gets the name. ``live`` grows
    meanwhile and can be watched, see media.encode; it is the caller's to remove.

    Raises OutputError if the files cannot be written or do not read back as they should, and passes on what the
    renderer or the sound decoder raise.
    """
    with clip.frames, _made_in(out.parent) as place, place.new(".mp4") as video, place.new(".json") as beside:
        if again := take_up(out, record, signer.fingerprint):
            *kept, record = again
            with _writing(out):
                rename_over(kept[0], video)
                rename_over(kept[1], beside)
            observer.notice(TAKEN_UP)
        else:
            work = _Work(clip, record, photo_file, out, signer, settings, observer, live)
            work.make(place, video, beside)
        with _kept_if_unnamed(video, beside, out):
            check_output(out, photo_file, clip.sound.source, overwrite=overwrite)  # it has been a while
            _name(place, video, beside, out, record)
    return out


@dataclass(frozen=True, slots=True)
class _Work:
    """What one video is made of."""

    clip: Clip
    record: Record
    photo_file: Path
    out: Path
    signer: Identity
    settings: Settings
    observer: Observer
    live: Path | None

    def make(self, place: "_Place", video: Path, beside: Path) -> None:
        """The signed video and its record under these names, both read back."""
        clip, record, observer, title = self.clip, self.record, self.observer, _readable(self.out.name)
        inputs = (
            Input.now("photo", self.photo_file, record.photo_sha256),
            Input.now("recording", clip.sound.source, record.audio_sha256),
        )
        with place.new(".unsigned.mp4") as unsigned:
            encode(
                clip, unsigned, settings=self.settings, metadata=_metadata(record, self.out),
                on_progress=observer.progress, live=self.live,
            )  # fmt: skip
            verify(unsigned, clip, record.aigc())
            marks = read_back(unsigned, clip)
            if not marks.watermark:
                observer.notice(UNREADABLE)
            signed = sign(
                unsigned, video, record=record, marks=marks, photo_file=self.photo_file, title=title,
                signer=self.signer, on_notice=observer.notice,
            )  # fmt: skip
            for one in inputs:  # the sound was read while encoding, both files while signing
                one.check()
        verify(video, clip, record.aigc())
        verify_signature(video, signed)
        with _writing(self.out):
            text = record.to_json(title, sha256_of_file(video), marks, signed.to_dict())
            beside.write_text(text, encoding="utf-8")


def record_path(out: Path) -> Path:
    """Where the record of the video ``out`` lies: the same name with .json."""
    return out.with_suffix(".json")


def is_foreign(out: Path) -> bool:
    """Whether something is at ``out`` that is no earlier output: no video whose hash the record beside it names.

    False for a name that cannot be: check_output says why.
    """
    with suppress(OSError, ValueError):
        sweep(out.parent)  # a killed job may have left the record of a video that never got its name
        return _exists(out) and not _is_recorded(out)
    return False


def try_folder(out: Path) -> None:
    """Raise OutputError unless a file can be written, and room for a short video be had, where ``out`` will be."""
    with _writing(out), unfinished(out.parent) as files, files.file(".try") as path:
        path.write_bytes(bytes(_TRIED_BYTES))


def check_output(out: Path, *inputs: Path, overwrite: bool = False) -> None:
    """Raise OutputError unless ``out`` can become a video beside these input files; cheap, so ask before the work.

    ``overwrite`` allows to replace a file that is_foreign; a folder, an input, and a .json that is no record never are.
    """
    if out.suffix.lower() != ".mp4":
        raise OutputError(
            f"output {out.name!r} does not end in .mp4; only MP4 is written, name it {out.stem or 'video'}.mp4"
        )
    with _writing(out):
        if not out.parent.is_dir():
            raise OutputError(f"output folder {str(out.parent)!r} does not exist; create it first")
        for path in (out, record_path(out)):
            if not _exists(path):
                continue
            if path.is_dir():
                raise OutputError(f"{str(path)!r} is a folder; give another output name")
            if any(path.exists() and source.exists() and path.samefile(source) for source in inputs):
                raise OutputError(f"{str(path)!r} is an input of this job and is kept; give another output name")
        beside = record_path(out)
        if _exists(beside) and not _is_record(beside):
            raise OutputError(f"{str(beside)!r} exists and is not the record of a video; give another output name")
        if not overwrite and is_foreign(out):
            raise OutputError(
                f"{str(out)!r} exists and is not an earlier output with its record; give another name, or replace it "
                "with --overwrite (in Python: overwrite=True)"
            )
        if not os.access(out.parent, os.W_OK):
            raise OutputError(f"output folder {str(out.parent)!r} cannot be written to; choose another folder")


def _is_record(path: Path) -> bool:
    try:
        return is_record(read_small(path, _MAX_RECORD_BYTES))
    except OSError:
        return False


def _is_recorded(out: Path) -> bool:
    """Whether the record beside it names the hash of this very file."""
    try:
        values = json.loads(read_small(record_path(out), _MAX_RECORD_BYTES))
        return not out.is_symlink() and bool(values["video"]["sha256"] == sha256_of_file(out))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def verify(video: Path, clip: Clip, aigc: str) -> None:
    """Raise OutputError unless the file has this AIGC metadata, and one picture and one sound as long as the clip."""
    try:
        with av.open(str(video), format="mp4") as container:
            metadata, streams = container.metadata, container.streams
            kinds = [stream.type for stream in streams]
            if kinds != ["video", "audio"]:
                raise OutputError(f"the written video has the streams {kinds}, not one of picture and one of sound")
            picture, sound = streams.video[0], streams.audio[0]
            lengths = [Fraction(stream.duration or 0) * (stream.time_base or 0) for stream in (picture, sound)]
            seen = (picture.codec_context.name, picture.codec_context.pix_fmt, sound.codec_context.name, picture.frames)
            size = (picture.codec_context.width, picture.codec_context.height)
    except (av.error.FFmpegError, OSError) as error:
        raise OutputError(f"the written video cannot be read back ({error.strerror}); is the disk full?") from error
    if metadata.get("AIGC") != aigc:
        raise OutputError("the AIGC metadata did not survive writing; no video without it")
    if seen != ("h264", "yuv420p", "aac", clip.n_frames) or size != clip.size_px:
        raise OutputError(
            f"the written video reads back as {seen} of {size}, not {clip.n_frames} frames of {clip.size_px}"
        )
    one_frame = 1 / clip.fps
    if any(abs(length - Fraction(clip.duration_s)) > one_frame for length in lengths):
        read = " and ".join(f"{float(length):.3f}" for length in lengths)
        raise OutputError(f"picture and sound of the written video last {read} s, not {clip.duration_s:.3f} s")


@contextmanager
def _kept_if_unnamed(video: Path, beside: Path, out: Path) -> Iterator[None]:
    """A finished video that cannot get its name is kept."""
    try:
        yield
    except OutputError as error:
        raise OutputError(f"{error}{keep(video, beside, out)}") from error


def _name(place: "_Place", video: Path, beside: Path, out: Path, record: Record) -> None:
    """Enter the video in the log and give both files their names, together."""
    with _writing(out):
        sha256 = sha256_of_file(video)
    with entered(record, _readable(out.name), sha256), _writing(out):
        _publish(place, video, beside, out)


def _publish(place: "_Place", video: Path, beside: Path, out: Path) -> None:
    place.rename_together((beside, record_path(out)), (video, out))


def _metadata(record: Record, out: Path) -> dict[str, str]:
    return {
        "title": _readable(out.stem),
        "comment": "AI-generated video (AI生成). Made with Sonic; its record says from what and by whose consent.",
        "AIGC": record.aigc(),
    }


def _readable(name: str) -> str:
    """A file name as text, even where its bytes are not."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


@dataclass(frozen=True, slots=True)
class _Place:
    """The unfinished files of one video, in its folder."""

    folder: Path
    files: Unfinished

    @contextmanager
    def new(self, suffix: str) -> Iterator[Path]:
        """A new unfinished file that is gone at the end unless it was renamed. Raises OutputError."""
        with ExitStack() as stack:
            with _writing(self.folder):
                path = stack.enter_context(self.files.file(suffix))
            yield path

    def rename_together(self, first: tuple[Path, Path], last: tuple[Path, Path]) -> None:
        """As Unfinished."""
        self.files.rename_together(first, last)


@contextmanager
def _made_in(folder: Path) -> Iterator[_Place]:
    """The place of one video. Raises OutputError."""
    with ExitStack() as stack:
        with _writing(folder):
            files = stack.enter_context(unfinished(folder))
        yield _Place(folder, files)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Errors of the file system as OutputError."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise OutputError(f"{str(path)!r} cannot be written ({reason}); choose another name or folder") from error


def _exists(path: Path) -> bool:
    """Whether there is something, even a dangling link; raises OSError for names that cannot be."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True
