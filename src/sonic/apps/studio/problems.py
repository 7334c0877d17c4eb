"""Every failure as one JSON shape: {"error": {"kind", "message", ...}}, with the status that fits."""

import errno
import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from sonic.apps.studio.words import language_of, spoken
from sonic.errors import (
    NO_MEMORY,
    ConsentError,
    FaceError,
    InstallError,
    MediaError,
    OutputError,
    SettingError,
    SonicError,
    lacks_memory,
)

_STATUS: tuple[tuple[type[SonicError], int], ...] = (
    (ConsentError, 403), (SettingError, 422), (MediaError, 422), (FaceError, 422), (OutputError, 507),
    (InstallError, 503),
)  # fmt: skip
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_log = logging.getLogger(__name__)


class Refused(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, kind: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.facts = status, kind, message, facts

    def response(self, language: str = "en") -> JSONResponse:
        """As JSON; ``facts`` stand beside the message."""
        headers = {"Retry-After": "5"} if self.status == 429 else {}
        body = {"error": {"kind": self.kind, "message": self.message} | self.facts}
        return JSONResponse(spoken(body, language), status_code=self.status, headers=headers)


class Missing(Refused):
    """404: also for what belongs to somebody else, so that nobody learns whether it exists."""

    def __init__(self, what: str) -> None:
        super().__init__(404, "NotFound", f"no {what} of yours has this id")
        self.what = what


def as_sonic(error: BaseException) -> SonicError:
    """Any failure of a job as an error of ours; one that is a fault of Sonic is logged with its traceback."""
    if isinstance(error, SonicError):
        return error
    if isinstance(error, Missing):  # what a waiting job was ordered with
        return MediaError(f"the {error.what} of this job was deleted while it waited; add it again and order anew")
    if isinstance(error, Refused):
        return SonicError(error.message)
    if lacks_memory(error):
        return SonicError(NO_MEMORY)
    if isinstance(error, OSError) and error.errno in _FULL:
        return OutputError(f"the disk is full ({error.strerror}); make room and try again")
    _log.error("a fault of Sonic", exc_info=error)
    return SonicError(f"this is a fault of Sonic ({type(error).__name__}: {error}); please report it")


def answer(request: Request, error: Exception) -> JSONResponse:
    """What a client is told of an exception."""
    language = language_of(request.headers, request.query_params)
    if isinstance(error, Refused):
        return error.response(language)
    known = as_sonic(error)
    status = next((status for kind, status in _STATUS if isinstance(known, kind)), 500)
    return Refused(status, type(known).__name__, str(known)).response(language)
