"""Every failure that a user can cause, as one tree.

    SonicError                exit code 1
    ├── SettingError          2   a setting outside its range, a preset that cannot be read
    ├── MediaError            3   a file that is not what its place needs
    │   ├── PhotoError            the picture
    │   └── SpeechError           the recording
    ├── FaceError             4   no face, several faces, a face that cannot be animated
    ├── ConsentError          5   no grounds to make this video
    ├── OutputError           6   the result cannot be written
    ├── InstallError          7   weights or an optional package missing or damaged
    └── Cancelled           130   somebody stopped the job

A message is one line: the value, the rule, the remedy. The exit code of the command line is ``exit_code``.
"""


class SonicError(Exception):
    """The root: catch this to catch everything that Sonic raises on purpose."""

    exit_code = 1


class SettingError(SonicError):
    """A setting outside its range or of the wrong kind."""

    exit_code = 2


class MediaError(SonicError):
    """A file that is missing, damaged, too large, or of a kind that is not accepted."""

    exit_code = 3


class PhotoError(MediaError):
    """The picture cannot be used."""


class SpeechError(MediaError):
    """The recording cannot be used."""


class FaceError(SonicError):
    """The picture holds no face that can be animated, or does not say which one."""

    exit_code = 4


class ConsentError(SonicError):
    """There are no recorded grounds to animate this person."""

    exit_code = 5


class OutputError(SonicError):
    """The video or its record cannot be written."""

    exit_code = 6


class InstallError(SonicError):
    """Weights are missing or differ from their hash, or an optional package is not installed."""

    exit_code = 7


NO_MEMORY = "there is not enough memory; close other programs, or choose a smaller picture (min_resolution)"
_NO_MEMORY_WORDS = (
    "cannot allocate memory", "failed to map segment", "out of memory", "outofmemory", "insufficient memory",
    "bad_alloc", "failed to allocate", "unable to allocate", "can't start new thread",
)  # fmt: skip
"""How libraries say that memory is short, also while they are loaded."""


def lacks_memory(error: BaseException) -> bool:
    """Whether this failure of any library, or one that it came of, means that memory is short."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or any(words in str(cause).casefold() for words in _NO_MEMORY_WORDS):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def import_failure(error: ImportError, what: str, package: str) -> SonicError:
    """Why ``what`` could not be imported, as what it is: a missing package, no memory, or one that is broken."""
    if lacks_memory(error):
        return SonicError(NO_MEMORY)
    if isinstance(error, ModuleNotFoundError):
        return InstallError(f"{what} needs {error.name}, which is not installed; pip install {package}")
    reason = " ".join(str(error).split())
    return InstallError(f"{what} cannot be loaded ({reason}); pip install --force-reinstall {package}")


class Cancelled(SonicError):
    """Somebody stopped the job."""

    exit_code = 130
