"""Where a row's files are: paths on this machine, or URLs of object stores, with the same names for their parts."""

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sonic.errors import SettingError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*", re.S)
_ON_DISK = ("file", "local")
_DRIVE = re.compile(r"^/([A-Za-z]:)")


@dataclass(frozen=True, slots=True)
class Url:
    """The address of an object, or of what counts as a folder of objects: ``s3://bucket/lessons/1.wav``."""

    text: str
    """Without a slash at its end."""

    def __str__(self) -> str:
        return self.text

    @property
    def protocol(self) -> str:
        """What stands before ``://``, in small letters."""
        return self.text.partition("://")[0].lower()

    @property
    def name(self) -> str:
        """The last part; of a web address without its query."""
        last = self.text.partition("://")[2].rpartition("/")[2]
        return last.partition("?")[0] if self.protocol in ("http", "https") else last

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "Url":
        """The folder; of a bucket the bucket itself."""
        head, _, rest = self.text.partition("://")
        return Url(f"{head}://{rest.rpartition('/')[0]}") if "/" in rest else self

    def with_name(self, name: str) -> "Url":
        """Another object in the same folder."""
        return self.parent / name

    def with_suffix(self, suffix: str) -> "Url":
        """The same name with another ending."""
        return self.with_name(f"{self.stem}{suffix}")

    def __truediv__(self, name: str) -> "Url":
        return Url(f"{self.text}/{name}")


Place = Path | Url


def place_of(text: str, base: Place | None = None) -> Place:
    """A path or a URL as it was written, relative to ``base``; ``file://`` is a path.

    Raises SettingError for a URL that names nothing, leaves its bucket, or holds a password, which would be written
    into results.
    """
    if not _URL.fullmatch(text):
        path = Path(text).expanduser()
        if isinstance(base, Url) and not path.is_absolute():
            return _below(base, text)
        return base / path if isinstance(base, Path) else path
    parts = urlsplit(text)
    if parts.scheme in _ON_DISK:
        return Path(_DRIVE.sub(r"\1", unquote(parts.path)))
    if parts.password is not None:
        raise SettingError(f"{parts.scheme}://{parts.hostname or ''} has a password in it; give it by the environment")
    url = Url(text.rstrip("/"))
    if not url.name or url.name in (".", ".."):
        raise SettingError(f"{text!r:.200} names no object; write PROTOCOL://BUCKET/NAME")
    return url


def on_disk(place: Place) -> Path:
    """The path that a place is known to be."""
    if isinstance(place, Url):
        raise TypeError(f"{place} is not on this machine")
    return place


def _below(base: Url, text: str) -> Url:
    head, _, rest = base.text.partition("://")
    root = "/" if rest.startswith("/") else ""
    whole = posixpath.normpath(posixpath.join(rest.lstrip("/"), text.replace("\\", "/")))
    if whole.startswith("..") or whole == ".":
        raise SettingError(f"{text!r:.200} leads out of {str(base)!r}; write the whole URL")
    return Url(f"{head}://{root}{whole}")
