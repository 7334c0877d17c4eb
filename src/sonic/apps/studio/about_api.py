"""Who asks, what can be chosen, and consents."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sonic import __version__
from sonic.apps.studio import consents
from sonic.apps.studio.access import COOKIE
from sonic.apps.studio.catalogue import catalogue
from sonic.apps.studio.config import UPLOAD_BYTES
from sonic.apps.studio.problems import Missing, Refused
from sonic.apps.studio.quota import used_bytes
from sonic.apps.studio.requests import answered, body_of, number_in, studio_of, text_in, user_of
from sonic.apps.studio.studio import Studio
from sonic.apps.studio.tokens import LOCAL, has_users
from sonic.apps.studio.tokens import user_of as user_by
from sonic.captions.recogniser_weights import can_recognise
from sonic.provenance.consent import BASES, revocation
from sonic.provenance.consent import store as machine
from sonic.provenance.policy import active

YEAR_S = 365 * 24 * 3600


def session(request: Request) -> Response:
    """GET /session: whether a token is needed, and who is known."""
    studio, user = studio_of(request), user_of(request)
    return answered(request, {
        "version": __version__, "user": user or None, "needs_token": has_users(studio.store), "local": user == LOCAL,
        "upload_bytes": UPLOAD_BYTES, "chunk_bytes": studio.config.chunk_bytes, "recognises": can_recognise(),
        **_room(studio, user),
    })  # fmt: skip


def _room(studio: Studio, user: str) -> dict[str, int | None]:
    """What this user has and may have; no limit for the one user of a local studio."""
    if not user or user == LOCAL:
        return {"used_bytes": None, "quota_bytes": None}
    return {"used_bytes": used_bytes(studio.store, user), "quota_bytes": studio.config.quota_bytes}


async def enter(request: Request) -> Response:
    """POST /session {token}: the page keeps it in a cookie that no script can read."""
    token = text_in(await body_of(request), "token")
    user = await run_in_threadpool(user_by, studio_of(request).store, token)
    if user is None:
        raise Refused(401, "NoToken", "this token is not known here")
    answer = answered(request, {"user": user})
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, token, max_age=YEAR_S, httponly=True, samesite="strict", secure=secure)
    return answer


def leave(request: Request) -> Response:
    """DELETE /session"""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def settings(request: Request) -> Response:
    """GET /settings?language=zh"""
    return answered(request, catalogue(request.query_params.get("language", "en")))


def terms(request: Request) -> Response:
    """GET /consents/terms: what this machine accepts."""
    policy = active()
    accepted = [basis for basis in BASES if policy.bases is None or basis in policy.bases]
    return answered(request, {
        "bases": [{"basis": basis, "claims": BASES[basis]} for basis in accepted],
        "evidence_file": policy.evidence_file, "max_validity_days": policy.max_validity_days,
        "languages": policy.languages, "purposes": policy.purposes,
    })  # fmt: skip


def offered(request: Request) -> Response:
    """GET /consents?photo=ID&face=2: those that hold for this face of the photo."""
    studio, owner = studio_of(request), user_of(request)
    photo = studio.library.get(owner, request.query_params.get("photo", ""), "photo")
    face = request.query_params.get("face")
    number = number_in(face, "face", 1, 1, 99) if face else None
    return answered(request, {"consents": consents.offered(studio.store, owner, studio.library.path(photo), number)})


async def make(request: Request) -> Response:
    """POST /consents"""
    form, studio, owner = await body_of(request), studio_of(request), user_of(request)
    photo = await run_in_threadpool(studio.library.get, owner, text_in(form, "photo"), "photo")
    given = text_in(form, "evidence_file", needed=False)
    evidence = await run_in_threadpool(studio.library.get, owner, given, "evidence") if given else None
    consent = await run_in_threadpool(consents.made, studio.store, owner, studio.library.path(photo), form, evidence)
    return answered(request, consents.summary(consent), 201)


def revoke(request: Request) -> Response:
    """POST /consents/{id}/revoke: final."""
    consent = machine.copy_of(request.path_params["id"]) if request.path_params["id"].isalnum() else None
    if consent is None or not consents.owns(studio_of(request).store, user_of(request), consent.id):
        raise Missing("consent")
    revocation.revoke(consent)
    return answered(request, consents.summary(consent))
