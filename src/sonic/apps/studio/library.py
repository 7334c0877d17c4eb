"""Uploaded media: received piece by piece, looked at by their content, each kept in a folder of its own.

media/<id>/part          what has come so far; its size is the offset at which an upload goes on
media/<id>/<file name>   complete, called as the user's file as far as a file system and a header bear it
"""

import os
import shutil
import threading
import unicodedata
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sonic.apps.cli.names import shortened
from sonic.apps.studio.config import UPLOAD_BYTES, Config
from sonic.apps.studio.problems import Missing, Refused
from sonic.apps.studio.quota import check_room
from sonic.apps.studio.store import Row, Store, new_id, now
from sonic.captions import read_captions
from sonic.errors import MediaError, OutputError, SonicError
from sonic.files import rename_over
from sonic.hashing import sha256_of_file
from sonic.media.container import open_file
from sonic.media.decode import sound_tracks
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.media.sniff import sniff_file

PART = "part"
NAMES = {
    "photo": "photo", "speech": "recording", "captions": "caption file", "video": "file to verify",
    "evidence": "evidence file",
}  # fmt: skip
"""Kind of upload -> what people call it."""
_LONGEST_NAME = 120
_FORBIDDEN = frozenset('/\\:*?"<>|')
_DEVICES = ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)))
TYPES = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WebP picture": "image/webp", "GIF": "image/gif", "AVIF": "image/avif",
    "BMP": "image/bmp", "WAV": "audio/wav", "MP3": "audio/mpeg", "FLAC": "audio/flac", "OGG": "audio/ogg",
    "AAC": "audio/aac", "MP4": "video/mp4", "WebM": "video/webm",
}  # fmt: skip
"""Kind of file by its content -> type under which a browser gets it; all others are only saved, never shown."""


class Library:
    """The media of a studio."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config, self._store = config, store
        self._folder = config.folder / "media"
        self._finishing: dict[str, threading.Lock] = {}
        self._folder.mkdir(parents=True, exist_ok=True)

    def begin(self, owner: str, kind: str, name: str, n_bytes: int) -> Row:
        """An upload that nothing has come of yet. Raises Refused: 413, 422, 507."""
        if kind not in UPLOAD_BYTES:
            raise Refused(422, "UploadError", f"kind is {kind[:40]!r}; choose one of {', '.join(UPLOAD_BYTES)}")
        if n_bytes < 1:
            raise Refused(422, "UploadError", f"{safe_name(name)!r} is empty (0 bytes); give a complete file")
        if n_bytes > (most := UPLOAD_BYTES[kind]):
            size, limit = n_bytes / 1e6, most / 1e6
            raise Refused(
                413,
                "TooLarge",
                f"{safe_name(name)!r} has {size:.0f} MB; at most {limit:.0f} MB are taken, give a smaller file",
                limit_bytes=most,
            )
        self._forget_left()
        check_room(self._store, self._config, owner, n_bytes)
        self._check_room(n_bytes)
        id_ = new_id()
        row = {"id": id_, "owner": owner, "kind": kind, "name": safe_name(name), "bytes": n_bytes, "state": "partial"}
        try:
            (self._folder / id_).mkdir()
            (self._folder / id_ / PART).touch()
            return self._added(row)
        except (OSError, OutputError):
            shutil.rmtree(self._folder / id_, ignore_errors=True)
            raise

    def get(self, owner: str, id_: str, *kinds: str) -> Row:
        """The complete media of this owner. Raises Refused 404."""
        row = self._store.row("SELECT * FROM media WHERE id = ? AND owner = ? AND state = 'ready'", id_, owner)
        if row is None or (kinds and row["kind"] not in kinds):
            raise Missing(NAMES[kinds[0]] if kinds else "file")
        return row

    def partial(self, owner: str, id_: str) -> Row:
        """The upload of this owner, complete or not. Raises Refused 404."""
        row = self._store.row("SELECT * FROM media WHERE id = ? AND owner = ?", id_, owner)
        if row is None:
            raise Missing("upload")
        return row

    def list(self, owner: str, kind: str, limit: int) -> list[Row]:
        """The latest first."""
        query = "SELECT * FROM media WHERE owner = ? AND kind = ? AND state = 'ready' ORDER BY number DESC LIMIT ?"
        return self._store.rows(query, owner, kind, limit)

    def path(self, row: Row) -> Path:
        """Where it lies."""
        return self._folder / str(row["id"]) / (str(row["name"]) if row["state"] == "ready" else PART)

    def offset(self, row: Row) -> int:
        """Bytes that have come."""
        if row["state"] == "ready":
            return int(row["bytes"])
        for name in (PART, str(row["name"])):  # while a complete one is looked at, it already has its name
            with suppress(OSError):
                return (self._folder / str(row["id"]) / name).stat().st_size
        return 0

    def append(self, row: Row, offset: int, data: bytes) -> int:
        """Write a piece where the file ends, at ``offset``; returns where it ends now. Raises Refused, OutputError."""
        path = self.path(row)
        try:
            with path.open("r+b") as file:
                if file.seek(0, os.SEEK_END) != offset:
                    at = file.tell()
                    raise Refused(409, "WrongOffset", f"this upload goes on at byte {at}", offset=at)
                if offset + len(data) > row["bytes"]:
                    raise Refused(413, "TooLarge", f"more than the {row['bytes']} bytes that were announced")
                file.write(data)
                return file.tell()
        except OSError as error:
            raise OutputError(f"the upload cannot be kept ({error.strerror}); make room on the disk") from error

    def finish(self, row: Row) -> Row:
        """Look at a complete upload and give it its name, once, however often it is asked for at the same time.

        Raises MediaError, after which it is gone.
        """
        with self._finishing.setdefault(row["id"], threading.Lock()):
            row = self.partial(row["owner"], row["id"])
            try:
                return row if row["state"] == "ready" else self._finished(row)
            finally:
                self._finishing.pop(row["id"], None)

    def _finished(self, row: Row) -> Row:
        folder, part = self._folder / row["id"], self.path(row)
        path = folder / row["name"]
        try:
            rename_over(part, path)
            about = examined(path, row["kind"])
        except (SonicError, OSError):
            self.remove(row)
            raise
        self._store.change("media", row["id"], state="ready", about=about)
        return self.get(row["owner"], row["id"])

    def kept_before(self, owner: str, kind: str, source: Path) -> Row | None:
        """What ``keep`` made of the same file."""
        sha256 = sha256_of_file(source)
        return next((row for row in self.list(owner, kind, 200) if row["about"].get("sha256") == sha256), None)

    def keep(self, owner: str, kind: str, name: str, source: Path) -> Row:
        """A copy of a file of this machine as if it had been uploaded."""
        row = self.begin(owner, kind, name, source.stat().st_size)
        try:
            shutil.copyfile(source, self.path(row))
        except OSError:
            self.remove(row)
            raise
        return self.finish(row)

    def scratch(self, name: str) -> Path:
        """A path of this name in a new folder that nobody knows; ``discard`` removes both."""
        folder = self._folder / f"new-{new_id()}"
        folder.mkdir()
        return folder / safe_name(name)

    def discard(self, path: Path) -> None:
        """What ``scratch`` gave is gone."""
        shutil.rmtree(path.parent, ignore_errors=True)

    def remove(self, row: Row) -> None:
        """It is gone."""
        self._store.remove("media", row["id"], self._folder / row["id"])

    def sweep(self) -> None:
        """Remove folders that no row knows: what a kill left between the two."""
        known = {row["id"] for row in self._store.rows("SELECT id FROM media")}
        for folder in self._folder.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        for row in self._store.rows("SELECT * FROM media WHERE state = 'partial'"):
            if not (self._folder / row["id"] / PART).exists():
                self.remove(row)
        for row in self._store.rows("SELECT * FROM media WHERE state = 'ready'"):
            if not self.path(row).exists():  # deleted on a full disk, and killed before that was noted
                self.remove(row)

    def _added(self, row: Row) -> Row:
        with self._store.transaction():
            row = row | {"about": {}, "created_at": now(), "number": self._store.next_number("media")}
            self._store.add("media", **row)
        return row

    def _forget_left(self) -> None:
        """Uploads that nobody finished, and files that were only to be verified, are kept for a day."""
        day_ago = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        query = "SELECT * FROM media WHERE (state = 'partial' OR kind = 'video') AND created_at < ?"
        for row in self._store.rows(query, day_ago):
            self.remove(row)

    def _check_room(self, n_bytes: int) -> None:
        free = shutil.disk_usage(self._folder).free - self._config.spare_bytes
        if n_bytes > free:
            raise Refused(507, "DiskFull", f"{n_bytes / 1e6:.0f} MB do not fit on the server's disk; make room there")


def examined(path: Path, kind: str) -> dict[str, Any]:
    """What is worth knowing of a file, by its content. Raises MediaError for what is not of this kind."""
    if kind == "photo":
        photo = load_photo(path)
        return {"sha256": photo.sha256, "width": photo.size_px[0], "height": photo.size_px[1], "type": type_of(path)}
    if kind == "speech":
        notices: list[str] = []
        speech = load_speech(path, notices.append)
        tracks = [
            {"number": track.number, "title": track.title, "channels": track.channels} for track in sound_tracks(path)
        ]
        return {
            "sha256": speech.sound.sha256, "duration_s": round(speech.duration_s, 3), "tracks": tracks,
            "notices": notices, "type": type_of(path),
        }  # fmt: skip
    if kind == "captions":
        script = read_captions(path)
        return {"words": len(script.units), "timed": bool(script.subtitles), "type": "application/octet-stream"}
    if kind == "evidence":
        return {"sha256": sha256_of_file(path), "type": "application/octet-stream"}
    return {"type": type_of(path)}


def type_of(path: Path) -> str:
    """What a browser is told of a file."""
    with open_file(path, max(UPLOAD_BYTES.values()), "file", error=MediaError) as file:
        return TYPES.get(sniff_file(file), "application/octet-stream")


def safe_name(name: str) -> str:
    """A user's file name as one that every system takes: no folders, nothing that cannot be seen, not too long."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join("_" if c in _FORBIDDEN or not c.isprintable() else c for c in name).strip(" .")
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, suffix) if dot and len(suffix) <= 8 else (name, "")
    stem = shortened(stem, _LONGEST_NAME).strip(" .-") or "file"
    if stem.lower() in _DEVICES or stem.lower() == PART:
        stem += "_"
    return f"{stem}.{suffix}" if suffix else stem
