"""Uploads and what they hold: receiving, showing, looking at photos, hearing recordings."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sonic import demo
from sonic.apps.studio import consents
from sonic.apps.studio.config import UPLOAD_BYTES
from sonic.apps.studio.library import Library
from sonic.apps.studio.problems import Refused
from sonic.apps.studio.requests import (
    answered,
    body_of,
    file_response,
    looked_at,
    number_in,
    studio_of,
    text_in,
    user_of,
)
from sonic.apps.studio.store import Row
from sonic.apps.studio.work import smaller
from sonic.media.cut import cut_sound
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.media.samples import envelope
from sonic.settings import Settings, settings_table

N_PEAKS = 480
"""Of a waveform."""
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")
_FRAMING = ("framing", "expand_ratio", "face", "min_resolution")


def shown(row: Row) -> dict[str, Any]:
    """Media as clients see it."""
    names = ("id", "kind", "name", "bytes", "created_at")
    return {name: row[name] for name in names} | {"about": row["about"]}


async def begin(request: Request) -> Response:
    """POST /uploads"""
    values, studio = await body_of(request), studio_of(request)
    n_bytes = values.get("bytes")
    if type(n_bytes) is not int:
        raise Refused(422, "BadRequest", "bytes is missing, or is no whole number")
    name, kind = text_in(values, "name"), text_in(values, "kind")
    row = await run_in_threadpool(studio.library.begin, user_of(request), kind, name, n_bytes)
    answer = {"id": row["id"], "offset": 0, "bytes": n_bytes, "chunk_bytes": studio.config.chunk_bytes}
    return answered(request, answer, 201, headers={"Location": f"/api/v1/uploads/{row['id']}"})


def offset(request: Request) -> Response:
    """GET /uploads/{id}"""
    library = studio_of(request).library
    row = library.partial(user_of(request), request.path_params["id"])
    return answered(request, _progress(library, row))


async def receive(request: Request) -> Response:
    """PUT /uploads/{id}: a piece; the last one is answered with the media."""
    library = studio_of(request).library
    row = await run_in_threadpool(library.partial, user_of(request), request.path_params["id"])
    if library.offset(row) == row["bytes"]:  # the answer to the last piece was lost
        row = await looked_at(request, library.finish, row)
        return answered(request, _progress(library, row))
    match = _RANGE.fullmatch(request.headers.get("content-range", ""))
    if match is None or int(match[3]) != row["bytes"] or int(match[1]) > int(match[2]):
        raise Refused(422, "BadRange", f"send Content-Range: bytes FIRST-LAST/{row['bytes']}")
    await _taken(request, library, row, int(match[1]), int(match[2]) + 1)
    if library.offset(row) == row["bytes"]:
        row = await looked_at(request, library.finish, row)
    return answered(request, _progress(library, row))


def drop(request: Request) -> Response:
    """DELETE /uploads/{id} and /media/{id}"""
    library = studio_of(request).library
    library.remove(library.partial(user_of(request), request.path_params["id"]))
    return Response(status_code=204)


async def add(request: Request) -> Response:
    """POST /media?kind=...&name=...: a whole file as the body."""
    library, query = studio_of(request).library, request.query_params
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise Refused(411, "LengthNeeded", "send Content-Length, as curl --data-binary @FILE does")
    kind, name = query.get("kind", ""), query.get("name", "file")
    row = await run_in_threadpool(library.begin, user_of(request), kind, name, int(length[:18]))
    try:
        await _taken(request, library, row, 0, row["bytes"])
        if library.offset(row) != row["bytes"]:
            raise Refused(422, "UploadError", "the body is shorter than its Content-Length")
    except BaseException:  # also where the client is gone: nobody knows the id to go on with
        library.remove(row)
        raise
    row = await looked_at(request, library.finish, row)
    return answered(request, shown(row), 201, headers={"Location": f"/api/v1/media/{row['id']}"})


def list_(request: Request) -> Response:
    """GET /media?kind=photo"""
    kind = request.query_params.get("kind", "photo")
    if kind not in UPLOAD_BYTES:
        raise Refused(422, "BadRequest", f"kind is {kind[:40]!r}; choose one of {', '.join(UPLOAD_BYTES)}")
    limit = number_in(request.query_params.get("limit"), "limit", 50, 1, 200)
    return answered(
        request, {"media": [shown(r) for r in studio_of(request).library.list(user_of(request), kind, limit)]}
    )


def show(request: Request) -> Response:
    """GET /media/{id}"""
    return answered(request, shown(_row(request)))


def file(request: Request) -> Response:
    """GET /media/{id}/file"""
    row = _row(request)
    return file_response(studio_of(request).library.path(row), row["about"]["type"])


async def picture(request: Request) -> Response:
    """GET /media/{id}/picture?px=1600: the photo upright, in sRGB, as a JPEG that every browser shows."""
    row = await run_in_threadpool(_row, request, "photo")
    side = number_in(request.query_params.get("px"), "px", 1600, 16, 4096)
    data = await looked_at(request, _jpeg, studio_of(request).library.path(row), side)
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})


async def inspection(request: Request) -> Response:
    """GET /media/{id}/inspection?framing=9:16&face=2 ..."""
    row, query = await run_in_threadpool(_row, request, "photo"), request.query_params
    asked = {name: _number_or_text(name, query[name]) for name in _FRAMING if query.get(name)}
    settings = Settings().replace(**asked)
    return answered(request, await looked_at(request, _seen, studio_of(request).library.path(row), settings))


async def sound(request: Request) -> Response:
    """GET /media/{id}/sound?track=2: what is heard of a recording, and its waveform."""
    row = await run_in_threadpool(_row, request, "speech")
    track = request.query_params.get("track")
    number = number_in(track, "track", 1, 1, 99) if track else None
    heard = await looked_at(request, _heard, studio_of(request).library.path(row), number)
    return answered(request, heard | {"tracks": row["about"]["tracks"]})


async def cut(request: Request) -> Response:
    """POST /media/{id}/cut: a part of a recording as a recording of its own."""
    values = await body_of(request)
    row = await run_in_threadpool(_row, request, "speech")
    start, end, track = (values.get(name) for name in ("start_s", "end_s", "track"))
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 36_000 for v in (start, end))
    if not numbers or (track is not None and type(track) is not int):
        raise Refused(422, "BadRequest", "start_s and end_s must be seconds, track a whole number")
    made = await looked_at(request, _cut, studio_of(request).library, row, float(start or 0), float(end or 0), track)
    return answered(request, shown(made), 201)


def demo_media(request: Request) -> Response:
    """POST /demo: the portrait and the recording that ship with Sonic, and the consent for that portrait."""
    studio, owner = studio_of(request), user_of(request)
    kept = {
        kind: studio.library.kept_before(owner, kind, path) or studio.library.keep(owner, kind, path.name, path)
        for kind, path in (("photo", demo.PORTRAIT), ("speech", demo.SPEECH))
    }
    consent = consents.of_demo(studio.store, owner)
    return answered(
        request, {kind: shown(row) for kind, row in kept.items()} | {"consent": consents.summary(consent)}, 201
    )


async def _taken(request: Request, library: Library, row: Row, first: int, last: int) -> None:
    """Write the body at its place, block by block; more than was announced is refused."""
    at = first
    async for block in request.stream():
        if at + len(block) > last:
            raise Refused(413, "TooLarge", "the body is longer than was announced")
        if block:
            at = await run_in_threadpool(library.append, row, at, block)


def _jpeg(path: Path, side_px: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(smaller(load_photo(path).rgb, side_px))).save(data, "JPEG", quality=88)
    return data.getvalue()


def _seen(path: Path, settings: Settings) -> dict[str, Any]:
    from sonic.evaluation.photo import inspected

    seen = inspected(load_photo(path), settings).to_dict()
    del seen["picture"]
    return seen


def _heard(path: Path, track: int | None) -> dict[str, Any]:
    notices: list[str] = []
    speech = load_speech(path, notices.append, audio_track=track)
    about = {"duration_s": round(speech.duration_s, 3), "track": speech.sound.track, "notices": notices}
    return about | {"peaks": envelope(speech.samples, N_PEAKS)}


def _row(request: Request, *kinds: str) -> Row:
    return studio_of(request).library.get(user_of(request), request.path_params["id"], *kinds)


def _cut(library: Library, row: Row, start_s: float, end_s: float, track: int | None) -> Row:
    source = library.path(row)
    out = library.scratch(f"{Path(row['name']).stem}-{start_s:g}-{end_s:g}s.wav")
    try:
        cut_sound(source, out, start_s, end_s, track=track)
        return library.keep(row["owner"], "speech", out.name, out)
    finally:
        library.discard(out)


def _progress(library: Library, row: Row) -> dict[str, Any]:
    done = row["state"] == "ready"
    return {
        "id": row["id"], "offset": library.offset(row), "bytes": row["bytes"], "media": shown(row) if done else None,
    }  # fmt: skip


def _number_or_text(name: str, text: str) -> Any:
    kind = settings_table()[name].kind
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError as error:
        raise Refused(422, "SettingError", f"{name} is {text[:40]!r}; it must be a number") from error
