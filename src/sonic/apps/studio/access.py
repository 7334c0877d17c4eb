"""Who is let in: host and origin of a request, the token, and the headers of every answer.

A page of another site may not use this one through the visitor's browser. Its requests name another origin (CSRF), or
another host that was made to lead here (DNS rebinding), and no answer allows it to read (no CORS headers at all).
"""

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sonic.apps.studio.config import LOOPBACK, Config
from sonic.apps.studio.problems import Refused
from sonic.apps.studio.quota import OpenRequests
from sonic.apps.studio.store import Store
from sonic.apps.studio.tokens import LOCAL, has_users, user_of
from sonic.apps.studio.words import language_of

COOKIE = "sonic_studio"
OPEN_PATHS = ("/", "/api/v1/session", "/api/v1/openapi.json", "/api", "/favicon.ico")
"""Answered without a token; so are the files of the page itself."""
STATIC = "/static/"
_SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Access:
    """ASGI middleware around the whole application; ``scope["user"]`` is set behind it."""

    def __init__(self, app: ASGIApp, config: Config, store: Store) -> None:
        self._app, self._config, self._store = app, config, store
        self._open = OpenRequests(config.max_open_each)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            self._check_origin(scope["method"], headers)
            scope["user"] = self._user(scope["path"], headers)
            with self._open.one_of(scope["user"]):
                await self._app(scope, receive, with_headers)
        except Refused as refused:  # the application answers its own
            language = language_of(headers, QueryParams(scope["query_string"]))
            await refused.response(language)(scope, receive, with_headers)

    def _check_host(self, headers: Headers) -> None:
        if self._is_ours(headers.get("host", "")):
            return
        raise Refused(421, "WrongHost", "this address does not lead to the studio; open it as it was printed")

    def _check_origin(self, method: str, headers: Headers) -> None:
        origin = headers.get("origin")
        foreign = origin is not None and not self._is_same(origin, headers.get("host", ""))
        site = headers.get("sec-fetch-site", "none")
        embedded = site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
        if foreign or embedded or (method not in _SAFE and site in ("cross-site", "same-site")):
            raise Refused(403, "ForeignOrigin", "requests of other sites are refused")

    def _is_ours(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower()
        allowed = {name.lower() for name in self._config.allowed_hosts}
        if self._config.is_local:
            return name in allowed or name in LOOPBACK
        # Rebinding needs a name; where anybody may come by address, a token is asked for as well.
        return name in allowed or name in (*LOOPBACK, self._config.host) or _is_address(name)

    @staticmethod
    def _is_same(origin: str, host: str) -> bool:
        return origin in (f"http://{host}", f"https://{host}")

    def _user(self, path: str, headers: Headers) -> str:
        if not has_users(self._store):
            if self._config.is_local:
                return LOCAL
            raise Refused(401, "NoToken", "this studio has no tokens any more; stop it, or add one")
        user = user_of(self._store, token) if (token := token_of(headers)) else None
        if user is not None:
            return user
        if path in OPEN_PATHS or path.startswith(STATIC):
            return ""
        raise Refused(401, "NoToken", "give the token of this studio: Authorization: Bearer TOKEN")


def token_of(headers: Headers) -> str:
    """The token of a request: in its header, or in the cookie that the page has; empty without one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


def _is_address(name: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
