"""Jobs over HTTP: ordering, watching, fetching what they made, and ending them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sonic.apps.studio import consents
from sonic.apps.studio.catalogue import chosen
from sonic.apps.studio.hub import Hub, Watcher
from sonic.apps.studio.problems import Refused
from sonic.apps.studio.requests import (
    answered,
    body_of,
    file_response,
    language_in,
    number_in,
    studio_of,
    text_in,
    user_of,
)  # fmt: skip
from sonic.apps.studio.store import ACTIVE, Row
from sonic.apps.studio.words import spoken
from sonic.apps.studio.work import COVER, LANES, THUMBNAIL
from sonic.captions.recogniser_weights import can_recognise
from sonic.pipeline.captioning import AUTO
from sonic.settings import DEFAULTS, Settings

STATES = ("queued", "running", "done", "failed", "cancelled")
HEARTBEAT_S = 15.0
LIVE_BLOCK = 256 * 1024
LIVE_WAIT_S = 0.1
RECORD = ".json"
LIVE_TYPE = "video/mp4"
CAPTION_TYPES = {"vtt": "text/vtt; charset=utf-8", "srt": "application/x-subrip; charset=utf-8"}
MAX_FROM_S = 36_000
CAPTIONS = frozenset(("captions", "captions_from_s", "burn_in", "karaoke"))
"""What a job may say of them."""


async def add(request: Request) -> Response:
    """POST /jobs"""
    row = await run_in_threadpool(_ordered, request, await body_of(request), "video")
    return _created(request, row)


async def preview(request: Request) -> Response:
    """POST /previews: two seconds, small, at once; a later one takes its place."""
    values, queue = await body_of(request), studio_of(request).queue
    for row in await run_in_threadpool(_active_previews, request):
        await run_in_threadpool(queue.cancel, row)
    row = await run_in_threadpool(_ordered, request, values | {"title": "preview"}, "preview")
    return _created(request, row)


async def verification(request: Request) -> Response:
    """POST /verifications"""
    values, studio = await body_of(request), studio_of(request)
    media = await run_in_threadpool(studio.library.get, user_of(request), text_in(values, "media"))
    row = await run_in_threadpool(
        studio.queue.add, user_of(request), "verification", media["name"], {"media": media["id"]}
    )
    return _created(request, row)


def report(request: Request) -> Response:
    """POST /jobs/{id}/report"""
    studio, row = studio_of(request), _row(request)
    if row["kind"] != "video" or row["state"] != "done":
        raise Refused(409, "JobActive", "the job has made no video")
    query = "SELECT * FROM jobs WHERE kind = 'report' AND title = ? AND state NOT IN ('failed', 'cancelled')"
    made = studio.store.row(query, row["id"])
    made = made or studio.queue.add(row["owner"], "report", row["id"], {"job": row["id"]})
    return _created(request, made)


def list_(request: Request) -> Response:
    """GET /jobs?state=&q=&before=&limit="""
    query, queue = request.query_params, studio_of(request).queue
    state, kind = query.get("state", ""), query.get("kind", "video")
    if state not in ("", *STATES) or kind not in LANES:
        raise Refused(422, "BadRequest", f"state is one of {', '.join(STATES)}, kind one of {', '.join(LANES)}")
    limit = number_in(query.get("limit"), "limit", 50, 1, 200)
    before = number_in(query.get("before"), "before", 2**53, 1, 2**53)
    rows = queue.list(
        user_of(request), kind=kind, state=state, text=query.get("q", "")[:200], before=before, limit=limit
    )
    last = rows[-1]["number"] if len(rows) == limit else None
    return answered(
        request, {"jobs": [queue.shown(row) for row in rows], "next_before": last, "waiting": queue.n_waiting}
    )


def show(request: Request) -> Response:
    """GET /jobs/{id}"""
    return answered(request, studio_of(request).queue.shown(_row(request)))


def cancel(request: Request) -> Response:
    """POST /jobs/{id}/cancel"""
    queue = studio_of(request).queue
    return answered(request, queue.shown(queue.cancel(_row(request))))


def remove(request: Request) -> Response:
    """DELETE /jobs/{id}"""
    studio, row = studio_of(request), _row(request)
    studio.queue.remove(row)
    for made in studio.store.rows("SELECT * FROM jobs WHERE kind = 'report' AND title = ?", row["id"]):
        if made["state"] not in ACTIVE:
            studio.queue.remove(made)
    return Response(status_code=204)


def video(request: Request) -> Response:
    """GET /jobs/{id}/video"""
    return _file(request, "", "video/mp4")


def record(request: Request) -> Response:
    """GET /jobs/{id}/record"""
    return _file(request, RECORD, "application/json")


def cover(request: Request) -> Response:
    """GET /jobs/{id}/cover"""
    return _file(request, COVER, "image/jpeg")


def captions(request: Request) -> Response:
    """GET /jobs/{id}/captions?format=srt"""
    kind = request.query_params.get("format", "vtt")
    if kind not in CAPTION_TYPES:
        raise Refused(422, "BadRequest", f"format is {kind[:40]!r}; choose one of {', '.join(CAPTION_TYPES)}")
    return _file(request, f".{kind}", CAPTION_TYPES[kind])


def thumbnail(request: Request) -> Response:
    """GET /jobs/{id}/thumbnail"""
    return _file(request, THUMBNAIL, "image/jpeg")


async def live(request: Request) -> Response:
    """GET /jobs/{id}/live: the video as far as it is made, from its beginning, until it is complete."""
    studio = studio_of(request)
    row = await run_in_threadpool(_row, request)
    if not row["request"].get("live") or not studio.queue.is_running(row["id"]):
        raise Refused(404, "NotFound", "this job is not being made at present; fetch the video when it is done")
    return StreamingResponse(_growing(request, row), media_type=LIVE_TYPE, headers={"Cache-Control": "no-store"})


async def events(request: Request) -> Response:
    """GET /events and /jobs/{id}/events: what changes, as server-sent events."""
    studio, id_ = studio_of(request), request.path_params.get("id")
    row = await run_in_threadpool(_row, request) if id_ else None
    watcher = studio.hub.watch(user_of(request), id_)
    if watcher is None:
        raise Refused(429, "TooManyWatchers", "too many pages are open; close some")
    first = [studio.queue.shown(row)] if row else []
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    told = _told(studio.hub, watcher, first, language_in(request))
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


async def _told(hub: Hub, watcher: Watcher, first: list[dict[str, Any]], language: str) -> AsyncIterator[str]:
    try:
        yield "retry: 2000\n\n"
        news = first
        while True:
            for job in news:
                said = job if language == "en" else await run_in_threadpool(spoken, job, language)
                yield f"event: job\ndata: {json.dumps(said, ensure_ascii=False)}\n\n"
                if watcher.job and job["state"] not in ACTIVE:
                    return
            news = await watcher.taken(HEARTBEAT_S)
            if not news:
                yield ": alive\n\n"
    finally:
        hub.leave(watcher)


async def _growing(request: Request, row: Row) -> AsyncIterator[bytes]:
    queue = studio_of(request).queue
    path = queue.live(row["id"])
    while not path.exists():
        if not queue.is_running(row["id"]):
            return
        await asyncio.sleep(LIVE_WAIT_S)
    with path.open("rb") as file:  # from the page cache, some kilobytes at a time
        while True:
            complete = not queue.is_running(row["id"])
            while block := file.read(LIVE_BLOCK):
                yield block
            if complete:
                return
            await asyncio.sleep(LIVE_WAIT_S)


def _ordered(request: Request, values: dict[str, Any], kind: str) -> Row:
    """The job that a body asks for, once all that can be refused now is not."""
    studio, owner = studio_of(request), user_of(request)
    known = {"photo", "speech", "consent", "preset", "settings", "title", "live"} | CAPTIONS
    if unknown := sorted(values.keys() - known):
        raise Refused(422, "BadRequest", f"a job has no {', '.join(unknown)[:99]}; it has {', '.join(sorted(known))}")
    photo, speech = (studio.library.get(owner, text_in(values, name), name) for name in ("photo", "speech"))
    consent = consents.for_job(studio.store, owner, values.get("consent"))
    settings = chosen(values.get("preset"), values.get("settings") or {})
    consents.check(consent, studio.library.path(photo), settings)
    title = text_in(values, "title", needed=False) or _title(photo, speech)
    request_ = {
        "photo": photo["id"], "speech": speech["id"], "consent": consent.id, "settings": _changes(settings),
        "live": values.get("live", True) is True and kind == "video",
    }  # fmt: skip
    if kind == "video":
        request_ |= _captioned(request, values)
    return studio.queue.add(owner, kind, title, request_)


def _captioned(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    """What a body asks for of captions. A preview has none: two seconds are no time for a whole text."""
    drawn = {name: values.get(name, False) for name in ("burn_in", "karaoke")}
    if wrong := [name for name, value in drawn.items() if not isinstance(value, bool)]:
        raise Refused(422, "BadRequest", f"{wrong[0]} must be true or false")
    if values.get("captions") is None:
        if any(drawn.values()):
            raise Refused(422, "BadRequest", "burn_in and karaoke draw captions, and there are none; add captions")
        return {}
    if values["captions"] == AUTO:
        if not can_recognise():
            raise Refused(422, "BadRequest", "this server recognises no captions; give a text or subtitles")
        return {"captions": AUTO} | drawn
    media = studio_of(request).library.get(user_of(request), text_in(values, "captions"), "captions")
    from_s = values.get("captions_from_s", 0)
    if isinstance(from_s, bool) or not isinstance(from_s, int | float) or not 0 <= from_s <= MAX_FROM_S:
        raise Refused(422, "BadRequest", f"captions_from_s is {str(from_s)[:40]}; give 0 to {MAX_FROM_S} seconds")
    return {"captions": media["id"], "captions_from_s": from_s} | drawn


def _changes(settings: Settings) -> dict[str, Any]:
    """What differs from the defaults, as plain values."""
    return {name: value for name, value in settings.to_dict().items() if getattr(settings, name) != DEFAULTS[name]}


def _title(photo: Row, speech: Row) -> str:
    return " – ".join(str(row["name"]).rpartition(".")[0] or str(row["name"]) for row in (photo, speech))


def _active_previews(request: Request) -> list[Row]:
    query = "SELECT * FROM jobs WHERE owner = ? AND kind = 'preview' AND state IN ('queued', 'running')"
    return studio_of(request).store.rows(query, user_of(request))


def _created(request: Request, row: Row) -> Response:
    shown = studio_of(request).queue.shown(row)
    return answered(request, shown, 201, headers={"Location": f"/api/v1/jobs/{row['id']}"})


def _row(request: Request) -> Row:
    return studio_of(request).queue.get(user_of(request), request.path_params["id"])


def _file(request: Request, name: str, type_: str) -> Response:
    """A file of a job by its name, or by its suffix where it is called as the video."""
    row, queue = _row(request), studio_of(request).queue
    if not row["result"] or "file" not in row["result"]:
        raise Refused(404, "NotFound", "this job has made no such file; see its state")
    made = queue.file(row, row["result"]["file"])
    beside = not name or name.startswith(".")
    path = made.with_suffix(name or made.suffix) if beside else queue.file(row, name)
    saved = request.query_params.get("download") == "1" or name == RECORD
    save_as = (path.name if beside else f"{made.stem}-{name}") if saved else None
    return file_response(path, type_, save_as=save_as)
