"""All parts of one studio, opened together."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from sonic.apps.studio.config import Config
from sonic.apps.studio.hub import Hub
from sonic.apps.studio.jobs import Queue
from sonic.apps.studio.library import Library
from sonic.apps.studio.store import Store
from sonic.errors import OutputError, SettingError
from sonic.files import try_lock

NOTES = "studio.sqlite3"


class Studio:
    """A folder with its notes, uploads and queue; one server at a time has it."""

    def __init__(self, config: Config) -> None:
        """Raises OutputError where the folder cannot be written, SettingError where another server has it."""
        self.config = config
        try:
            config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _held(config.folder / "lock")
        except OSError as error:
            raise OutputError(
                f"folder {str(config.folder)!r} cannot be used ({error.strerror}); choose another with --folder"
            ) from error
        self.store = Store(config.folder / NOTES)
        self.hub = Hub()
        self.library = Library(config, self.store)
        self.queue = Queue(config, self.store, self.library, self.hub)

    def __enter__(self) -> Self:
        self.library.sweep()
        self.queue.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.queue.stop()
        self.store.close()
        os.close(self._lock)


def _held(path: Path) -> int:
    """The lock of a folder, which the system lets go of when the process ends. Raises SettingError where it is held."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    if not try_lock(descriptor):
        os.close(descriptor)
        raise SettingError(f"a studio is running in {str(path.parent)!r} already; stop it, or use another --folder")
    return descriptor
