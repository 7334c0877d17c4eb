"""The web server: the page, its files and the interface, behind the guard of access.py."""

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sonic.apps.studio.access import Access
from sonic.apps.studio.openapi import description
from sonic.apps.studio.problems import Refused, answer
from sonic.apps.studio.routes import PREFIX, ROUTES
from sonic.apps.studio.studio import Studio
from sonic.errors import SettingError

PAGE = Path(__file__).parent / "page"
GRACE_S = 2
LOOKING = 3
"""Photos and recordings that are decoded at once for requests."""


def application(studio: Studio) -> Starlette:
    """The ASGI application of an open studio."""
    routes: list[Route | Mount] = [Route(PREFIX + r.path, r.handler, methods=[r.method]) for r in ROUTES]
    routes += [
        Route(f"{PREFIX}/openapi.json", lambda request: JSONResponse(description())),
        Route("/", _page("index.html")),
        Route("/api", _page("api.html")),
        Route("/favicon.ico", _page("icon.svg", "image/svg+xml")),
        Mount("/static", StaticFiles(directory=PAGE)),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Access, config=studio.config, store=studio.store)],
        exception_handlers={
            Exception: answer,
            Refused: answer,
            HTTPException: _http_error,
            ClientDisconnect: _left,
            **_sonic_errors(),
        },
    )
    app.state.studio, app.state.looking = studio, CapacityLimiter(LOOKING)
    return app


def serve(studio: Studio, on_ready: Callable[[str], None]) -> None:
    """Answer until a signal stops it; ``on_ready`` hears the address. Raises SettingError where it cannot listen."""
    config = studio.config
    try:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        listener = socket.create_server((config.host, config.port), family=family, backlog=256)
    except OSError as error:
        where = f"{config.host} port {config.port}"
        raise SettingError(f"{where} cannot be used ({error.strerror}); choose another with --port") from error
    with contextlib.closing(listener):
        host = f"[{config.host}]" if ":" in config.host else config.host
        server = _Server(
            uvicorn.Config(
                application(studio), log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE_S,
                limit_concurrency=512, access_log=False,
            ),
            lambda: on_ready(f"http://{host}:{listener.getsockname()[1]}/"),
        )  # fmt: skip
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def _page(name: str, type_: str = "text/html; charset=utf-8") -> Callable[[Request], Response]:
    def show(request: Request) -> Response:
        return FileResponse(PAGE / name, media_type=type_, headers={"Cache-Control": "no-cache"})

    return show


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    return answer(request, Refused(status, "HttpError", str(detail)))


def _left(request: Request, error: Exception) -> Response:
    """To a client that is gone: nobody reads it, and it is no fault."""
    return Response(status_code=400)


def _sonic_errors() -> dict[Any, Any]:
    from sonic.errors import SonicError

    return {SonicError: answer}
