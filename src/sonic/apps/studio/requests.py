"""Reading requests: bounded JSON bodies, checked values, the parts of the studio."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from sonic.apps.studio.problems import Refused
from sonic.apps.studio.studio import Studio
from sonic.apps.studio.words import language_of, spoken

MAX_JSON_BYTES = 256 * 1024
LONGEST_TITLE = 200
T = TypeVar("T")


def studio_of(request: Request) -> Studio:
    """The studio that answers."""
    studio: Studio = request.app.state.studio
    return studio


def user_of(request: Request) -> str:
    """Who asks."""
    return str(request.scope["user"])


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises Refused 413, 415, 422."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "NotJson", "send application/json")
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > MAX_JSON_BYTES:
            raise Refused(413, "TooLarge", f"at most {MAX_JSON_BYTES // 1024} kB of JSON are read")
    try:
        values = json.loads(data, parse_constant=_no_number)
        json.dumps(values, ensure_ascii=False).encode("utf-8")  # half a character can be escaped, and not be kept
    except (ValueError, RecursionError) as error:
        raise Refused(422, "NotJson", "the body is not JSON") from error
    if not isinstance(values, dict):
        raise Refused(422, "NotJson", "the body must be a JSON object")
    return values


def _no_number(word: str) -> None:
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(word)


def language_in(request: Request) -> str:
    """The language in which the answer speaks."""
    return language_of(request.headers, request.query_params)


def answered(
    request: Request, values: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> JSONResponse:
    """These values as JSON, sentences in the language of the request."""
    return JSONResponse(spoken(values, language_in(request)), status, headers)


async def looked_at(request: Request, work: Callable[..., T], *arguments: Any) -> T:
    """What decodes a whole photo or recording, in a thread; few at a time, for each may need hundreds of megabytes."""
    return await to_thread.run_sync(work, *arguments, limiter=request.app.state.looking)


def text_in(values: dict[str, Any], name: str, *, needed: bool = True) -> str:
    """A text of a JSON object, without what cannot be seen. Raises Refused 422."""
    value = values.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise Refused(422, "BadRequest", f"{name} is missing, or is no text")
    return "".join(c if c.isprintable() else " " for c in value).strip()[:LONGEST_TITLE]


def number_in(text: str | None, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query. Raises Refused 422."""
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and low <= int(text) <= high):
        raise Refused(422, "BadRequest", f"{name} is {text[:40]!r}; it must be a whole number from {low} to {high}")
    return int(text)


def file_response(path: "Any", type_: str, *, save_as: str | None = None) -> Response:
    """A file with Range; what no browser shows, and what is asked for, is saved under a name."""
    if not path.is_file():
        raise Refused(404, "NotFound", "there is no such file")
    inline = save_as is None and type_.startswith(("image/", "audio/", "video/", "text/vtt"))
    return FileResponse(
        path,
        media_type=type_,
        filename=save_as or path.name,
        content_disposition_type="inline" if inline else "attachment",
        headers={"Cache-Control": "private, max-age=3600", "Content-Security-Policy": "default-src 'none'; sandbox"},
    )
