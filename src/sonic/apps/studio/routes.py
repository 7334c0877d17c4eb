"""Every address of the interface, once: the server answers by this table, and the OpenAPI page is made from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sonic.apps.studio import about_api, jobs_api, media_api

PREFIX = "/api/v1"

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}


def _object(needed: str = "", **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": needed.split()} if needed else {})


JOB = _object(
    "photo speech consent",
    photo=TEXT | {"description": "id of a photo"},
    speech=TEXT | {"description": "id of a recording"},
    consent=TEXT | {"description": "id of a consent for this photo"},
    preset=TEXT | {"description": "fast, quality ...: see GET /settings"},
    settings={"type": "object", "description": "names and values of GET /settings"},
    captions=TEXT
    | {
        "description": "id of a text or subtitles of what is said, or auto, where GET /session says that this server "
        "recognises them: WebVTT and SRT lie beside the video"
    },
    captions_from_s={"type": "number", "description": "where in subtitles a part of a recording begins", "default": 0},
    burn_in={"type": "boolean", "description": "captions are drawn into the picture as well", "default": False},
    karaoke={"type": "boolean", "description": "drawn, with the word that is being said in colour", "default": False},
    title=TEXT,
    live={"type": "boolean", "description": "whether it can be watched while it is made", "default": True},
)


@dataclass(frozen=True, slots=True)
class Api:
    """One method of one path."""

    method: str
    path: str
    handler: Callable[..., Any]
    summary: str
    status: int = 200
    body: Schema | None = None
    query: dict[str, str] = field(default_factory=dict)
    """Name -> what it does."""
    gives: str = "application/json"
    errors: tuple[int, ...] = ()
    """Statuses besides 401, 403, 421 and 429, which every path may answer."""


ROUTES = (
    Api("GET", "/session", about_api.session, "Who is asking, whether a token is needed, limits of uploads."),
    Api("POST", "/session", about_api.enter, "Keep a token in a cookie, for pages.", body=_object("token", token=TEXT)),
    Api("DELETE", "/session", about_api.leave, "Forget that cookie.", 204),
    Api(
        "GET",
        "/settings",
        about_api.settings,
        "Settings with ranges and words, presets, platforms, engines.",
        query={"language": "en or zh"},
        errors=(422,),
    ),
    Api(
        "POST",
        "/media",
        media_api.add,
        "Upload a whole file as the body.",
        201,
        query={"kind": "photo, speech, captions, video or evidence", "name": "file name"},
        errors=(411, 413, 422, 507),
    ),
    Api(
        "GET",
        "/media",
        media_api.list_,
        "Uploaded media, the latest first.",
        query={"kind": "as above", "limit": "at most 200"},
    ),
    Api("GET", "/media/{id}", media_api.show, "What is known of an upload.", errors=(404,)),
    Api("DELETE", "/media/{id}", media_api.drop, "Remove it.", 204, errors=(404,)),
    Api("GET", "/media/{id}/file", media_api.file, "The file itself, with Range.", gives="*/*", errors=(404, 416)),
    Api(
        "GET",
        "/media/{id}/picture",
        media_api.picture,
        "A photo upright, in sRGB, as JPEG.",
        query={"px": "longer side"},
        gives="image/jpeg",
        errors=(404, 422),
    ),
    Api(
        "GET",
        "/media/{id}/inspection",
        media_api.inspection,
        "What the face analysis sees, and a better photo's remedy.",
        query={
            "framing": "as the setting",
            "expand_ratio": "as the setting",
            "face": "counted from the left",
            "min_resolution": "as the setting",
        },
        errors=(404, 422),
    ),
    Api(
        "GET",
        "/media/{id}/sound",
        media_api.sound,
        "Length, tracks, notices and waveform of a recording.",
        query={"track": "counted from 1"},
        errors=(404, 422),
    ),
    Api(
        "POST",
        "/media/{id}/cut",
        media_api.cut,
        "A part of a recording as a recording of its own.",
        201,
        body=_object("start_s end_s", start_s=NUMBER, end_s=NUMBER, track=WHOLE),
        errors=(404, 422, 507),
    ),
    Api(
        "POST",
        "/uploads",
        media_api.begin,
        "Begin an upload in pieces.",
        201,
        body=_object("kind name bytes", kind=TEXT, name=TEXT, bytes=WHOLE),
        errors=(413, 422, 507),
    ),
    Api("GET", "/uploads/{id}", media_api.offset, "Where an upload goes on.", errors=(404,)),
    Api(
        "PUT",
        "/uploads/{id}",
        media_api.receive,
        "A piece, with Content-Range: bytes FIRST-LAST/TOTAL; the last one is answered with the media.",
        errors=(404, 409, 413, 422, 507),
    ),
    Api("DELETE", "/uploads/{id}", media_api.drop, "Give an upload up.", 204, errors=(404,)),
    Api(
        "POST",
        "/demo",
        media_api.demo_media,
        "The portrait and the recording that ship with Sonic, and a consent.",
        201,
    ),
    Api("GET", "/consents/terms", about_api.terms, "Grounds that this machine accepts."),
    Api(
        "GET",
        "/consents",
        about_api.offered,
        "Consents that hold for a face of a photo.",
        query={"photo": "id of a photo", "face": "counted from the left, where there are several"},
        errors=(404,),
    ),
    Api(
        "POST",
        "/consents",
        about_api.make,
        "Make and sign a consent for a photo.",
        201,
        body=_object(
            "photo basis confirmed",
            photo=TEXT,
            subject=TEXT,
            basis=TEXT,
            evidence=TEXT,
            evidence_file=TEXT,
            languages={"type": "array", "items": TEXT},
            purposes={"type": "array", "items": TEXT},
            given_on=TEXT,
            expires_on=TEXT,
            face=WHOLE,
            confirmed={"type": "boolean"},
        ),
        errors=(404, 422),
    ),
    Api("POST", "/consents/{id}/revoke", about_api.revoke, "End a consent, for good.", errors=(404,)),
    Api("POST", "/jobs", jobs_api.add, "Order a video.", 201, body=JOB, errors=(404, 422, 503, 507)),
    Api(
        "GET",
        "/jobs",
        jobs_api.list_,
        "Jobs, the latest first.",
        query={
            "state": "queued, running, done, failed or cancelled",
            "q": "part of the title",
            "kind": "video",
            "before": "number of the last one seen",
            "limit": "at most 200",
        },
        errors=(422,),
    ),
    Api("GET", "/jobs/{id}", jobs_api.show, "One job.", errors=(404,)),
    Api(
        "DELETE",
        "/jobs/{id}",
        jobs_api.remove,
        "Remove a finished job and its files; the audit log keeps its line.",
        204,
        errors=(404, 409),
    ),
    Api("POST", "/jobs/{id}/cancel", jobs_api.cancel, "Stop a job.", errors=(404,)),
    Api(
        "POST",
        "/jobs/{id}/report",
        jobs_api.report,
        "Measure the video of a job: a job of its own.",
        201,
        errors=(404, 409, 507),
    ),
    Api(
        "GET",
        "/jobs/{id}/events",
        jobs_api.events,
        "What changes of a job, until it is finished.",
        gives="text/event-stream",
        errors=(404,),
    ),
    Api(
        "GET",
        "/jobs/{id}/live",
        jobs_api.live,
        "The video while it is made: fragmented MP4.",
        gives="video/mp4",
        errors=(404,),
    ),
    Api(
        "GET",
        "/jobs/{id}/video",
        jobs_api.video,
        "The signed video, with Range.",
        query={"download": "1: save it"},
        gives="video/mp4",
        errors=(404, 416),
    ),
    Api("GET", "/jobs/{id}/record", jobs_api.record, "Its record.", errors=(404,)),
    Api(
        "GET",
        "/jobs/{id}/cover",
        jobs_api.cover,
        "A still, labelled.",
        query={"download": "1: save it"},
        gives="image/jpeg",
        errors=(404,),
    ),
    Api(
        "GET",
        "/jobs/{id}/captions",
        jobs_api.captions,
        "Its captions, where there are any.",
        query={"format": "vtt or srt", "download": "1: save it"},
        gives="text/vtt",
        errors=(404, 422),
    ),
    Api("GET", "/jobs/{id}/thumbnail", jobs_api.thumbnail, "A small still.", gives="image/jpeg", errors=(404,)),
    Api(
        "POST",
        "/previews",
        jobs_api.preview,
        "Two seconds, small, ahead of the queue; replaces the preview before.",
        201,
        body=JOB,
        errors=(404, 422, 503, 507),
    ),
    Api(
        "POST",
        "/verifications",
        jobs_api.verification,
        "Say what an uploaded file is: a job.",
        201,
        body=_object("media", media=TEXT),
        errors=(404, 507),
    ),
    Api("GET", "/events", jobs_api.events, "What changes of all jobs.", gives="text/event-stream"),
)
