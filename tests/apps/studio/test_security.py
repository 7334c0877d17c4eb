"""What keeps others out of a studio: hosts and origins, tokens, uploads, ranges, names."""

import http.client
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette", reason="needs the extra studio")

from studio_client import Client, running

from sonic import demo
from sonic.apps.studio.config import Config
from sonic.apps.studio.library import safe_name
from sonic.apps.studio.routes import ROUTES
from sonic.apps.studio.tokens import add_token, remove_token
from sonic.errors import SettingError

ANY_FIXTURE = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Any]]:
    with running(Config(tmp_path_factory.mktemp("studio"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(studio: tuple[Client, Any]) -> Client:
    return studio[0]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8747", "127.0.0.1.evil.example", "", "[::2]", "0"])
def test_another_host_name_is_refused(client: Client, host: str) -> None:
    """DNS rebinding: a name of the attacker's that was made to lead to this machine."""
    for path in ("/", "/api/v1/session", "/static/app.js"):
        assert client.get(path, Host=host).status == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"])
def test_requests_of_another_site_are_refused(client: Client, origin: str) -> None:
    answer = client.call("POST", "demo", b"", Origin=origin)
    assert (answer.status, answer.json["error"]["kind"]) == (403, "ForeignOrigin")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert client.call("POST", "demo", b"", Sec_Fetch_Site="cross-site").status == 403
    assert client.get("jobs", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert client.call("OPTIONS", "jobs", Origin=origin).status == 403
    assert client.get("jobs", Origin=f"http://127.0.0.1:{client.port}").status == 200


def test_every_answer_has_the_headers_that_bind_a_browser(client: Client) -> None:
    for path in ("/", "/api/v1/jobs", "/api/v1/jobs/none", "/static/app.js", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_users_see_only_their_own(tmp_path: Path) -> None:
    with running(Config(tmp_path)) as (anybody, studio):
        ada = Client(anybody.port, add_token(studio.store, "ada"))
        bob = Client(anybody.port, add_token(studio.store, "bob"))
        example = ada.post("demo").json
        job = ada.finished(ada.order(example)["id"])
        photo = example["photo"]["id"]
        for path in (
            f"media/{photo}", f"media/{photo}/file", f"media/{photo}/picture", f"media/{photo}/inspection",
            f"uploads/{photo}", f"consents?photo={photo}", f"jobs/{job['id']}", f"jobs/{job['id']}/video",
            f"jobs/{job['id']}/record", f"jobs/{job['id']}/thumbnail", f"jobs/{job['id']}/events",
        ):  # fmt: skip
            assert (bob.get(path).status, anybody.get(path).status) == (404, 401), path
        for method, path in (("DELETE", f"media/{photo}"), ("DELETE", f"jobs/{job['id']}")):
            assert bob.call(method, path).status == 404
        assert bob.get("jobs").json["jobs"] == [] and bob.get("media?kind=photo").json["media"] == []
        own = bob.post("demo").json
        stolen = {"photo": own["photo"]["id"], "speech": own["speech"]["id"], "consent": example["consent"]["id"]}
        assert bob.post("jobs", **stolen | {"photo": photo}).status == 404
        private = ada.post("consents", photo=photo, basis="self", subject="Ada Private", confirmed=True).json
        assert "Ada Private" not in bob.get(f"consents?photo={own['photo']['id']}").body.decode()
        assert bob.post("jobs", **stolen | {"consent": private["id"]}).status == 403
        assert bob.post(f"consents/{private['id']}/revoke").status == 404
        assert ada.get(f"jobs/{job['id']}/video").status == 200


def test_no_address_gives_what_belongs_to_another(tmp_path: Path) -> None:
    """Every address that names a thing, with the id of a thing of somebody else's."""
    with running(Config(tmp_path)) as (anybody, studio):
        ada, bob = (Client(anybody.port, add_token(studio.store, name)) for name in ("ada", "bob"))
        example = ada.post("demo").json
        job = ada.finished(ada.order(example)["id"])
        ids = {"media": example["photo"]["id"], "uploads": example["photo"]["id"], "jobs": job["id"],
               "consents": example["consent"]["id"]}  # fmt: skip
        asked = [(route.method, route.path) for route in ROUTES if "{id}" in route.path]
        assert len(asked) > 15
        for method, path in asked:
            address = path.strip("/").replace("{id}", ids[path.split("/")[1]])
            answer = bob.call(method, address, {"start_s": 0, "end_s": 1} if method == "POST" else None)
            assert answer.status == 404, (method, address, answer.body)
        with pytest.raises(TimeoutError):
            _heard(bob, "ada's", lambda: ada.order(example, title="ada's"))
        assert ada.get(f"jobs/{job['id']}/video").status == 200


def _heard(client: Client, text: str, during: Callable[[], object]) -> None:
    """Wait until a stream of events holds this text. Raises TimeoutError after a second."""
    request = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=1) as stream:
        stream.sendall(request.encode())
        got = stream.recv(4096)
        during()
        while text.encode() not in got:
            got += stream.recv(4096)


@pytest.mark.parametrize("title", ["../../../x", "/etc/x", "a\x00b\r\nX: y", "<b>", "." * 50, "CON", "名" * 200])
def test_hostile_titles_do_no_harm(studio: tuple[Client, Any], title: str) -> None:
    client, opened = studio
    job = client.finished(client.order(client.post("demo").json, title=title)["id"])
    assert job["state"] == "done"
    folder = opened.config.folder / "jobs" / job["id"]
    assert (folder / job["result"]["file"]).resolve().parent == folder.resolve()
    saved = client.get(f"jobs/{job['id']}/video?download=1")
    assert saved.status == 200 and "x" not in saved.headers.get("x", "")


def test_a_token_comes_as_a_header_or_a_cookie_and_ends_when_it_is_removed(tmp_path: Path) -> None:
    with running(Config(tmp_path)) as (anybody, studio):
        token = add_token(studio.store, "ada")
        assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert anybody.get("session").json["user"] is None
        assert anybody.get("jobs").status == 401
        assert anybody.post("session", token="wrong").status == 401
        cookie = anybody.post("session", token=token).headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
        assert anybody.get("jobs", Cookie=cookie.partition(";")[0]).status == 200
        assert anybody.get("jobs", Authorization=f"Bearer {token}").status == 200
        add_token(studio.store, "bob")
        remove_token(studio.store, "ada")
        assert anybody.get("jobs", Authorization=f"Bearer {token}").status == 401
        with pytest.raises(SettingError, match="no name"):
            add_token(studio.store, "../x")


def test_an_upload_in_pieces_goes_on_where_it_was_lost(client: Client) -> None:
    data = demo.PORTRAIT.read_bytes()
    begun = client.post("uploads", kind="photo", name="p.png", bytes=len(data)).json
    address, total = f"uploads/{begun['id']}", len(data)

    def piece(first: int, last: int, body: bytes | None = None) -> Any:
        part = data[first:last] if body is None else body
        return client.call("PUT", address, part, Content_Range=f"bytes {first}-{last - 1}/{total}")

    assert piece(0, 1000).json["offset"] == 1000
    lost = http.client.HTTPConnection("127.0.0.1", client.port)
    lost.putrequest("PUT", f"/api/v1/{address}")
    lost.putheader("Content-Range", f"bytes 1000-{total - 1}/{total}")
    lost.putheader("Content-Length", str(total - 1000))
    lost.endheaders()
    lost.send(data[1000:5000])
    lost.close()
    again = piece(0, 1000)
    assert again.status == 409 and again.json["error"]["offset"] >= 1000
    assert piece(5, 5000, data[:100_000]).status in (409, 413)
    offset = client.get(address).json["offset"]
    assert piece(offset, total).json["media"]["about"]["width"] == 768
    assert client.get(f"media/{begun['id']}/file").body == data


@pytest.mark.parametrize(
    "header", ["", "bytes", "bytes 0-9/11", "bytes 9-0/10", "bytes -1-5/10", "bytes a-b/c", "x" * 99]
)
def test_a_piece_with_a_wrong_range_is_refused(client: Client, header: str) -> None:
    begun = client.post("uploads", kind="photo", name="p.png", bytes=10).json
    assert client.call("PUT", f"uploads/{begun['id']}", b"0123456789", Content_Range=header).status == 422
    assert client.get(f"uploads/{begun['id']}").json["offset"] == 0


def test_what_is_too_large_is_answered_413_before_it_is_sent(client: Client) -> None:
    huge = client.post("uploads", kind="photo", name="p.png", bytes=10**12)
    assert (huge.status, huge.json["error"]["kind"]) == (413, "TooLarge")
    assert client.call("POST", "media?kind=photo", b"", Content_Length="99999999999").status == 413
    begun = client.post("uploads", kind="photo", name="p.png", bytes=10).json
    more = client.call("PUT", f"uploads/{begun['id']}", b"x" * 50, Content_Range="bytes 0-9/10")
    assert more.status == 413
    for n_bytes in (0, -5, 1.5, "7", True, None):
        assert client.post("uploads", kind="photo", name="p.png", bytes=n_bytes).status == 422


def test_uploads_that_nobody_finished_are_forgotten_after_a_day(studio: tuple[Client, Any]) -> None:
    client, opened = studio
    old = client.post("uploads", kind="photo", name="p.png", bytes=10).json["id"]
    opened.store.change("media", old, created_at="2020-01-01T00:00:00.000Z")
    new = client.post("uploads", kind="photo", name="p.png", bytes=10).json["id"]
    assert client.get(f"uploads/{old}").status == 404
    assert client.get(f"uploads/{new}").status == 200
    assert not (opened.config.folder / "media" / old).exists()


def test_content_decides_not_the_name(studio: tuple[Client, Any]) -> None:
    client, opened = studio
    before = set((opened.config.folder / "media").iterdir())
    for kind, name, data in (
        ("photo", "photo.jpg", b"<svg onload=alert(1)>"),
        ("photo", "photo.png", b"#!/bin/sh\nrm -rf /\n"),
        ("speech", "speech.wav", b"#EXTM3U\n/etc/passwd\n"),
        ("speech", "speech.mp3", demo.PORTRAIT.read_bytes()),
    ):
        answer = client.call("POST", f"media?kind={kind}&name={name}", data)
        assert answer.status == 422, (name, answer.body)
    assert set((opened.config.folder / "media").iterdir()) == before


def test_a_file_that_no_browser_shows_is_only_saved(client: Client) -> None:
    page = b"<html><script>alert(1)</script>"
    media = client.call("POST", "media?kind=evidence&name=proof.html", page).json
    answer = client.get(f"media/{media['id']}/file")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


@given(st.text(max_size=300))
@settings(max_examples=100)
def test_any_name_becomes_one_that_stays_in_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert Path(safe).name == safe and safe not in ("", ".", "..", "part")
    assert safe.isprintable() and len(safe.encode()) <= 160 and not safe.startswith(("-", "."))
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    "name", ["../../x.png", "..\\..\\x.png", "/etc/x.png", "a\r\nSet-Cookie: x=1.png", "名前 \"'.png", "x" * 900]
)
def test_hostile_names_do_no_harm(client: Client, name: str) -> None:
    begun = client.post("uploads", kind="photo", name=name, bytes=demo.PORTRAIT.stat().st_size)
    assert begun.status == 201
    data = demo.PORTRAIT.read_bytes()
    done = client.call("PUT", f"uploads/{begun.json['id']}", data, Content_Range=f"bytes 0-{len(data) - 1}/{len(data)}")
    assert done.status == 200, done.body
    answer = client.get(f"media/{begun.json['id']}/file")
    assert answer.body == data and "set-cookie" not in answer.headers


@given(st.integers(0, 700_000), st.integers(0, 700_000))
@ANY_FIXTURE
def test_a_range_is_the_same_bytes(client: Client, first: int, last: int) -> None:
    data = demo.PORTRAIT.read_bytes()
    photo = client.post("demo").json["photo"]["id"]
    answer = client.get(f"media/{photo}/file", Range=f"bytes={first}-{last}")
    if first < len(data) and first <= last:
        assert (answer.status, answer.body) == (206, data[first : last + 1])
        assert answer.headers["content-range"] == f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
    else:
        assert answer.status in (400, 416)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
@ANY_FIXTURE
def test_any_range_header_is_answered(client: Client, header: str) -> None:
    photo = client.post("demo").json["photo"]["id"]
    assert client.get(f"media/{photo}/file", Range=header.strip()).status in (200, 206, 400, 416)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
@ANY_FIXTURE
def test_any_path_stays_inside(client: Client, path: str) -> None:
    for root in ("/static/", "/api/v1/media/", "/"):
        answer = client.get(root + path.replace("#", ""))
        assert answer.status in (200, 400, 404, 405, 307) and b"root:" not in answer.body


@pytest.mark.parametrize(
    "text",
    [
        '{"settings": {"fps": NaN}}',
        '{"settings": {"duration": -Infinity}}',
        '{"settings": {"language": "\\ud800"}}',
        '{"title": "\\udfff"}',
        '{"photo": ' + "[" * 50_000,
        '{"seed": ' + "9" * 10_000 + "}",
    ],
    ids=["NaN", "Infinity", "half a character", "the other half", "deep", "a number of ten thousand digits"],
)
def test_json_that_nobody_can_keep_is_refused(text: str, client: Client) -> None:
    answer = client.call("POST", "jobs", text.encode(), Content_Type="application/json")
    assert (answer.status, answer.error) == (422, "the body is not JSON")
