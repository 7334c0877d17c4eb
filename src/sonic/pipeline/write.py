"""write: Clip -> .mp4 with its record beside it. The only place that opens an output container.

The renderer runs in the caller's thread, the encoder in its own; a short queue is between them. Both files are made
under temporary names in the output's folder, read back, and only then renamed; a failure leaves nothing behind. An
existing file is replaced if it is an earlier output, known by the record beside it, or if the caller says so.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import av.error

from sonic.errors import OutputError
from sonic.files import read_small, rename_over
from sonic.hashing import sha256_of_file
from sonic.media.encode import encode
from sonic.provenance.audit import entered
from sonic.provenance.c2pa.signing import sign, verify_signature
from sonic.provenance.keys import Identity
from sonic.provenance.read_back import read_back
from sonic.provenance.record import Record, is_record
from sonic.settings import Settings
from sonic.types import Clip, Observer
from sonic.unfinished import unfinished

UNREADABLE = (
    "the invisible watermark cannot be read in the encoded video, and its record says so; a larger picture or a lower "
    "crf keeps it"
)
_MAX_RECORD_BYTES = 4 * 1024 * 1024


def write(
    clip: Clip,
    out: Path,
    *,
    record: Record,
    photo_file: Path,
    signer: Identity,
    settings: Settings,
    observer: Observer,
    overwrite: bool = False,
) -> Path:
    """Write the clip to ``out`` (.mp4) and its record to ``record_path(out)``; returns ``out``.

    H.264 yuv420p, BT.709, and AAC with the speech source's own sound, both as long as the clip to within one frame. An
    earlier video and record of these names are replaced, but only by complete ones; another file (see is_foreign) only
    with ``overwrite``. clip.frames is closed in any case. The audit log has the video before it has its name.
    ``signer`` signs the complete, still temporary file with Content Credentials, which name the photo's and the
    speech's files; label, watermark, metadata and signature are read back from what gets the name.

    Raises OutputError if the files cannot be written or do not read back as they should, and passes on what the
    renderer or the sound decoder raise.
    """
    with clip.frames, _made_in(out.parent) as new, new(".mp4") as video, new(".json") as beside:
        with new(".unsigned.mp4") as unsigned:
            encode(clip, unsigned, settings=settings, metadata=_metadata(record, out), on_progress=observer.progress)
            verify(unsigned, clip, record.aigc())
            marks = read_back(unsigned, clip)
            if not marks.watermark:
                observer.notice(UNREADABLE)
            signed = sign(
                unsigned, video, record=record, marks=marks, photo_file=photo_file, title=_readable(out.name),
                signer=signer, on_notice=observer.notice,
            )  # fmt: skip
        verify(video, clip, record.aigc())
        verify_signature(video, signed)
        with _writing(out):
            sha256 = sha256_of_file(video)
            beside.write_text(record.to_json(_readable(out.name), sha256, marks, signed.to_dict()), encoding="utf-8")
        check_output(out, photo_file, clip.sound.source, overwrite=overwrite)  # it has been a while
        with entered(record, _readable(out.name), sha256), _writing(out):
            _publish(video, beside, out)
    return out


def record_path(out: Path) -> Path:
    """Where the record of the video ``out`` lies: the same name with .json."""
    return out.with_suffix(".json")


def is_foreign(out: Path) -> bool:
    """Whether something is at ``out`` that is no earlier output: no video whose hash the record beside it names.

    False for a name that cannot be: check_output says why.
    """
    with suppress(OSError, ValueError):
        return _exists(out) and not _is_recorded(out)
    return False


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


def _publish(video: Path, beside: Path, out: Path) -> None:
    """Give both files their names; the record first, so that a video never stands without one."""
    rename_over(beside, record_path(out))
    try:
        rename_over(video, out)
    except OSError:
        record_path(out).unlink(missing_ok=True)
        raise


def _metadata(record: Record, out: Path) -> dict[str, str]:
    return {
        "title": _readable(out.stem),
        "comment": "AI-generated video (AI生成). Made with Sonic; its record says from what and by whose consent.",
        "AIGC": record.aigc(),
    }


def _readable(name: str) -> str:
    """A file name as text, even where its bytes are not."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


@contextmanager
def _made_in(folder: Path) -> Iterator[Callable[[str], AbstractContextManager[Path]]]:
    """Suffix -> a new unfinished file in ``folder`` that is gone at the end unless it was renamed."""

    @contextmanager
    def new(suffix: str) -> Iterator[Path]:
        with ExitStack() as stack:
            with _writing(folder):
                path = stack.enter_context(place.file(suffix))
            yield path

    with ExitStack() as stack:
        with _writing(folder):
            place = stack.enter_context(unfinished(folder))
        yield new


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
