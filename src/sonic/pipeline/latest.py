"""The latest analysis of a session: another seed, or another look of the same files, needs none."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from sonic.pipeline.job import Job
from sonic.pipeline.preflight import Permit, require_consent
from sonic.pipeline.stages import Prepared, prepare_authorised
from sonic.settings import Settings, settings_table

_PHASES = ("load", "speech", "frame")
"""Settings that an analysis depends on."""


@dataclass(frozen=True, slots=True)
class _Kept:
    key: tuple[object, ...]
    prepared: Prepared
    notices: tuple[str, ...]


class LatestAnalysis:
    """Keeps what was prepared last, for as long as files and settings that it depends on are the same."""

    def __init__(self) -> None:
        self._kept: _Kept | None = None

    def prepared(self, job: Job, portrait: Path, speech: Path, permit: Permit) -> tuple[Prepared, Permit]:
        """As stages.prepare_authorised; consent is required and notices are given again either way."""
        key = (_file_key(portrait), _file_key(speech), _settings_key(job.settings))
        kept = self._kept
        if kept is None or kept.key != key or None in key[:2]:
            before = len(job.notices)
            prepared, permit = prepare_authorised(job, portrait, speech, permit)
            self._kept = _Kept(key, prepared, tuple(job.notices[before:]))
            return prepared, permit
        permit = require_consent(permit, kept.prepared.portrait.photo, job.settings)
        for line in kept.notices:
            job.observer.notice(line)
        return dataclasses.replace(kept.prepared, settings=job.settings), permit

    def forget(self) -> None:
        """Give its memory back."""
        self._kept = None


def _file_key(path: Path) -> tuple[object, ...] | None:
    """What changes when a file does; None for one that cannot be looked at."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return os.path.realpath(path), status.st_size, status.st_mtime_ns, status.st_ino


def _settings_key(settings: Settings) -> tuple[object, ...]:
    return tuple(getattr(settings, name) for name, entry in settings_table().items() if entry.phase in _PHASES)
