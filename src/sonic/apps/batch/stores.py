"""Object stores, through fsspec: the one place that knows it, and turns what it raises into lines for people.

Which store, with which credentials and at which endpoint, is fsspec's own configuration: the environment, or the files
that the store's programs read. Nothing of that is kept here. Listings are not cached: others write there too.
"""

import errno
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sonic.apps.batch.places import Url
from sonic.errors import InstallError, MediaError, OutputError, SettingError, SonicError, import_failure
from sonic.files import replacing

BLOCK_BYTES = 8 * 1024 * 1024
WHOLE_AT_ONCE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""Where an upload shows only when it is complete; elsewhere a file is uploaded under another name and moved."""
TEMPORARY = ".part"
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "mtime", "created", "LastModified", "last_modified", "updated")
_LOCKED_OUT = ("credential", "forbidden", "unauthorized", "access denied", "accessdenied", "401", "403")


@dataclass(frozen=True, slots=True)
class Stat:
    """What a store says of an object."""

    n_bytes: int | None
    stamp: str
    """Another one for another content; empty where the store tells nothing that could serve."""


def stat(url: Url, error: type[SonicError] = MediaError) -> Stat | None:
    """What is there; None if nothing is."""
    with _telling(url, error, "read"):
        system, path = _opened(url)
        try:
            return _stat(system.info(path))
        except FileNotFoundError:
            return None


def listing(folder: Url, error: type[SonicError] = OutputError) -> dict[str, Stat]:
    """The objects of a folder by name, asked for in one go; empty where there is no such folder."""
    with _telling(folder, error, "listed"):
        system, path = _opened(folder)
        try:
            found = system.ls(path, detail=True)
        except FileNotFoundError:
            return {}
        return {str(one["name"]).rpartition("/")[2]: _stat(one) for one in found if one.get("type") != "directory"}


def is_folder(url: Url) -> bool:
    """Whether objects lie below it."""
    with _telling(url, MediaError, "listed"):
        system, path = _opened(url)
        return bool(system.isdir(path))


def fetch(url: Url, path: Path, max_bytes: int, error: type[SonicError] = MediaError) -> None:
    """Write the object to ``path``, which appears when it is complete. Raises ``error``, also where it is larger."""
    with _telling(url, error, "read"), replacing(path) as part, open(part, "wb") as file:
        for block in _blocks(url, max_bytes, error):
            file.write(block)


def read(url: Url, max_bytes: int, error: type[SonicError] = MediaError) -> bytes:
    """The bytes of an object of at most ``max_bytes``."""
    with _telling(url, error, "read"):
        return b"".join(_blocks(url, max_bytes, error))


def blocks(url: Url, error: type[SonicError] = OutputError) -> Iterator[bytes]:
    """The bytes of an object, a block at a time."""
    with _telling(url, error, "read"):
        yield from _blocks(url, None, error)


def put(path: Path, url: Url) -> Stat:
    """Upload a file, whole or not at all, in place of what is there; returns what the store then says of it.

    Raises OutputError.
    """
    with _telling(url, OutputError, "written"):
        system, there = _opened(url)
        if url.protocol in WHOLE_AT_ONCE:
            system.put_file(str(path), there)
        else:
            _put_and_move(system, path, there)
        made = _stat(system.info(there))
    if made.n_bytes != path.stat().st_size:
        raise OutputError(f"{str(url)!r} has {made.n_bytes} of {path.stat().st_size} bytes; run this again")
    return made


def put_bytes(data: bytes, url: Url) -> Stat:
    """As ``put``, of what is in memory."""
    with _telling(url, OutputError, "written"):
        system, there = _opened(url)
        system.pipe_file(there, data)
        return _stat(system.info(there))


def create(data: bytes, url: Url) -> bool:
    """Write an object that is not there yet; False if it is. Stores that cannot tell overwrite it.

    Raises OutputError.
    """
    if stat(url, OutputError) is not None:
        return False
    with _telling(url, OutputError, "written"):
        system, there = _opened(url)
        try:
            system.pipe_file(there, data, mode="create")
        except FileExistsError:
            return False
        except (NotImplementedError, TypeError):
            system.pipe_file(there, data)
        return True


def remove(url: Url) -> None:
    """Remove an object, if it is there. Raises OutputError."""
    with _telling(url, OutputError, "removed"):
        system, path = _opened(url)
        with suppress(FileNotFoundError):
            system.rm_file(path)


def try_folder(folder: Url) -> None:
    """Raise OutputError unless objects can be written there."""
    probe = folder / f".sonic-{secrets.token_hex(6)}{TEMPORARY}"
    put_bytes(b"sonic", probe)
    remove(probe)


def _put_and_move(system: Any, path: Path, there: str) -> None:
    part = f"{there}{TEMPORARY}"
    with suppress(NotImplementedError):
        system.makedirs(there.rpartition("/")[0], exist_ok=True)
    system.put_file(str(path), part)
    try:
        system.mv(part, there)
    except OSError:  # some refuse to move onto a file
        system.rm_file(there)
        system.mv(part, there)


def _blocks(url: Url, max_bytes: int | None, error: type[SonicError]) -> Iterator[bytes]:
    system, path = _opened(url)
    n_bytes = 0
    with system.open(path, "rb") as source:
        while block := source.read(BLOCK_BYTES):
            n_bytes += len(block)
            if max_bytes is not None and n_bytes > max_bytes:
                raise error(f"{str(url)!r} is larger than {max_bytes / 1e6:.0f} MB; give a smaller file")
            yield block


def _stat(info: Mapping[str, Any]) -> Stat:
    size = info.get("size")
    version = next((info[name] for name in _VERSIONS if info.get(name)), None)
    if isinstance(version, datetime):  # a listing may have a number where a single answer has a time
        version = version.timestamp()
    return Stat(None if size is None else int(size), "" if version is None else f"{size} {version}")


def _opened(url: Url) -> tuple[Any, str]:
    """(file system, path in it). Raises InstallError and SettingError."""
    try:
        import fsspec
    except ImportError as error:
        raise import_failure(error, f"{url.protocol}://", "'sonic-talk[remote]'") from error
    try:
        system, path = fsspec.url_to_fs(str(url), use_listings_cache=False)
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise InstallError(f"{str(url)!r} needs a package for {url.protocol}:// ({reason}); pip install it") from error
    except ValueError as error:
        if url.protocol in fsspec.available_protocols():
            raise
        raise SettingError(
            f"{str(url)!r} begins with a protocol that fsspec does not know; is it spelt right?"
        ) from error
    return system, str(path)


@contextmanager
def _telling(url: Url, error: type[SonicError], done: str) -> Iterator[None]:
    """Whatever a store raises as one line of ``error``."""
    try:
        yield
    except SonicError:
        raise
    except FileNotFoundError as cause:
        raise error(f"{str(url)!r} is not there; check the bucket and the name") from cause
    except Exception as cause:  # of aiohttp, botocore, google.auth and others
        reason = " ".join(f"{type(cause).__name__}: {cause}".split())[:200]
        raise error(f"{str(url)!r} cannot be {done} ({reason}); {_remedy(cause, url)}") from cause


def _remedy(cause: Exception, url: Url) -> str:
    if getattr(cause, "errno", None) == errno.ENOSPC:
        return "make room"
    said = f"{type(cause).__name__} {cause}".lower()
    if isinstance(cause, PermissionError) or any(word in said for word in _LOCKED_OUT):
        return f"set credentials of {url.protocol}:// that may do this"
    return "check the network, the endpoint and the bucket"
