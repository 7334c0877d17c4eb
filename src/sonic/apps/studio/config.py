"""How one studio is run: its folder, its address and its limits."""

from dataclasses import dataclass
from pathlib import Path

from sonic.captions.script import MAX_BYTES as MAX_CAPTION_BYTES
from sonic.media.container import MAX_SOUND_BYTES
from sonic.media.photo import MAX_PHOTO_BYTES
from sonic.provenance.keys import home

DEFAULT_PORT = 8747
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MB = 1024**2

UPLOAD_BYTES = {
    "photo": MAX_PHOTO_BYTES,
    "speech": MAX_SOUND_BYTES,
    "captions": MAX_CAPTION_BYTES,
    "video": 4 * 1024 * MB,
    "evidence": 256 * MB,
}
"""Kind of upload -> how large it may be: as large as what reads it accepts."""


@dataclass(frozen=True, slots=True)
class Config:
    """Chosen once, when the server starts."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0: any that is free."""
    allowed_hosts: tuple[str, ...] = ()
    """Names besides the address under which the page is reached, through a proxy for instance."""
    workers: int = 1
    """Videos that are made at the same time."""
    max_queued: int = 200
    """Jobs that wait; more are answered 429."""
    max_queued_each: int = 100
    """Of one user."""
    quota_bytes: int = 20_000_000_000
    """What uploads and videos of one user with a token may take; more is answered 507."""
    max_files_each: int = 5000
    """Uploads of one user with a token."""
    max_open_each: int = 96
    """Requests of one user that are answered at once, streams of events and live videos among them."""
    chunk_bytes: int = 4 * MB
    """Size of the pieces in which the page uploads."""
    spare_bytes: int = 512 * MB
    """Room on the disk that uploads leave."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host in LOOPBACK


def default_folder() -> Path:
    """Where a user's studio lies. Raises SettingError as keys.home."""
    return home() / "studio"
