"""Files that are being made: hidden names in the folder of the output, gone when the job ends, however it ends.

A job's files are ``.sonic-<random>.part.*``. One of them, ``.sonic-<random>.part.lock``, is locked as long as the
process lives: the system lets go of the lock when the process dies, whatever it dies of, and the next job in the folder
removes what belongs to a lock that nobody holds. A lock, not a process number: numbers are given again, and mean
nothing in another container or on another machine that shares the folder.
"""

import json
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import file_digest, sha256
from pathlib import Path

from sonic.files import atomic_write, open_regular, read_small, rename_over, try_lock

TEMPORARY = ".part"
"""In the name of every unfinished file."""
_LOCK, _JOURNAL, _BEFORE = ".lock", ".journal", ".before"
_MAX_JOURNAL_BYTES = 16 * 1024
_LOCK_NAME = re.compile(rf"\.sonic-[0-9a-f]{{12}}{re.escape(TEMPORARY + _LOCK)}")
_TRIES = 3


class Unfinished:
    """The unfinished files of one job; see ``unfinished``."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem

    @contextmanager
    def file(self, suffix: str) -> Iterator[Path]:
        """A new empty file, with the rights of any new file, removed at the end unless it was renamed.

        Raises OSError.
        """
        path = self._stem.with_name(f"{self._stem.name}{suffix}")
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def rename_together(self, first: tuple[Path, Path], last: tuple[Path, Path]) -> None:
        """Give two of these files, each (as it is, to be), their names: both or neither. Raises OSError.

        The second rename is the moment in which it happens. What ``first`` replaces comes back if that fails, and where
        the process dies before it, when the folder is swept; until then ``standing`` knows it.
        """
        (part, final), (last_part, last_final) = first, last
        before = self._stem.with_name(f"{self._stem.name}{_BEFORE}")
        journal = self._stem.with_name(f"{self._stem.name}{_JOURNAL}")
        try:
            if final.exists():
                _copy_anew(final, before)
            told = {"final": final.name, "sha256": sha256(part.read_bytes()).hexdigest(), "last": last_part.name}
            atomic_write(journal, json.dumps(told).encode("ascii"))
            rename_over(part, final)
            try:
                rename_over(last_part, last_final)
            except BaseException:
                rename_over(final, part)
                if before.exists():
                    rename_over(before, final)
                raise
        finally:
            for path in (journal, before):
                _unlink(path)


def standing(final: Path) -> Path | None:
    """The file that counts as ``final``: itself, or the one before it while a renaming of two is not done; or None.

    Raises OSError.
    """
    for name in os.listdir(final.parent):
        if name.endswith(f"{TEMPORARY}{_JOURNAL}"):
            told, before = _pending(final.parent / name)
            if told is not None and told["final"] == final.name and _is(final, told["sha256"]):
                return before if before.exists() else None
    return final if os.path.lexists(final) else None


def _pending(journal: Path) -> tuple[dict[str, str] | None, Path]:
    """(what a journal tells of a renaming that did not happen, where the earlier file is); None for any other."""
    before = journal.with_name(journal.name.removesuffix(_JOURNAL) + _BEFORE)
    if not _is_own(journal) or (os.path.lexists(before) and not _is_own(before)):
        return None, before
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads(read_small(journal, _MAX_JOURNAL_BYTES))
        plain = isinstance(told, dict) and all(isinstance(told.get(name), str) for name in ("final", "sha256", "last"))
        if plain and os.path.basename(told["last"]) == told["last"] and (journal.parent / told["last"]).exists():
            return told, before
    return None, before


def _undo(journal: Path) -> None:
    """Put back what a renaming of two replaced, if its second half did not happen. Raises OSError."""
    told, before = _pending(journal)
    if told is None or os.path.basename(told["final"]) != told["final"]:
        return
    final = journal.parent / told["final"]
    if _is(final, told["sha256"]):
        rename_over(before, final) if before.exists() else final.unlink()


def _is_own(path: Path) -> bool:
    """Whether this is this user's own file, and no link: in a folder that all may write to, such as /tmp, anybody can
    put a journal beside a job, which says what is to be removed. Windows: such a folder is the user's own."""
    if not hasattr(os, "geteuid"):
        return True
    with suppress(OSError):
        status = os.lstat(path)
        return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    return False


def _copy_anew(path: Path, copy: Path) -> None:
    """A copy that nobody has laid a link in the place of. Raises OSError."""
    descriptor = os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(descriptor, "wb") as target, path.open("rb") as source:
        shutil.copyfileobj(source, target)


def _is(path: Path, digest: str) -> bool:
    with suppress(OSError), open_regular(path) as file:
        return file_digest(file, "sha256").hexdigest() == digest  # type: ignore[arg-type]
    return False


@contextmanager
def unfinished(folder: Path) -> Iterator[Unfinished]:
    """Sweep ``folder``, then give names for the unfinished files of one job in it. Raises OSError."""
    # Absolute: a name such as "-x" or "http:" must not look like an option or a protocol to anybody.
    folder = Path(os.path.abspath(folder))
    sweep(folder)
    with ExitStack() as stack:
        for _ in range(_TRIES):
            stem = _new_stem(folder)
            if _hold(stem.with_name(f"{stem.name}{_LOCK}"), stack):
                break
        else:  # nothing can be locked here, as in some network folders: without a lock nobody sweeps
            stem = _new_stem(folder)
        yield Unfinished(stem)


def sweep(folder: Path) -> None:
    """Remove the unfinished files of jobs that are dead; whatever cannot be removed or judged stays. Raises nothing."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if _LOCK_NAME.fullmatch(name):
                _sweep_one(folder / name)


def _sweep_one(lock: Path) -> None:
    try:
        descriptor = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return
    try:
        if not (_is_own(lock) and try_lock(descriptor)):
            return
        stem = lock.name.removesuffix(_LOCK)
        _undo(lock.with_name(f"{stem}{_JOURNAL}"))
        for name in os.listdir(lock.parent):
            if name.startswith(f"{stem}.") and name != lock.name:
                (lock.parent / name).unlink(missing_ok=True)
        _unlink(lock)  # while it is held, so that nobody takes it over
    except OSError:
        return
    finally:
        os.close(descriptor)
    if sys.platform == "win32":
        _unlink(lock)  # an open file cannot be removed there


def _new_stem(folder: Path) -> Path:
    return folder / f".sonic-{secrets.token_hex(6)}{TEMPORARY}"


def _hold(lock: Path, stack: ExitStack) -> bool:
    """Make ``lock`` and hold it until ``stack`` is left; False, and nothing is left, if that cannot be."""
    with ExitStack() as made:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        made.callback(_unlink, lock)
        made.callback(os.close, descriptor)
        if not try_lock(descriptor) or not os.path.lexists(lock):  # another job swept it before it was locked
            return False
        stack.push(made.pop_all())
    return True


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
