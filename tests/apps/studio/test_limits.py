"""What one user may take of a studio, whose turn it is, and what lost connections and slow readers leave."""

import http.client
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra studio")

from studio_client import Client, running

from sonic import demo
from sonic.apps.studio import library
from sonic.apps.studio.config import Config
from sonic.apps.studio.hub import MAX_EACH
from sonic.apps.studio.library import examined
from sonic.apps.studio.store import Store
from sonic.apps.studio.tokens import add_token

SIZE = demo.PORTRAIT.stat().st_size


def test_the_room_of_a_user_is_answered_507_and_given_back(tmp_path: Path) -> None:
    with running(Config(tmp_path, quota_bytes=2 * SIZE)) as (anybody, studio):
        ada, bob = (Client(anybody.port, add_token(studio.store, name)) for name in ("ada", "bob"))
        first = ada.upload("photo", demo.PORTRAIT).json
        assert ada.get("session").json["used_bytes"] == SIZE
        assert ada.post("uploads", kind="photo", name="p.png", bytes=SIZE - 1).status == 201
        refused = ada.post("uploads", kind="photo", name="p.png", bytes=SIZE)
        assert (refused.status, refused.json["error"]["kind"]) == (507, "QuotaFull")
        assert "delete" in refused.error
        assert bob.upload("photo", demo.PORTRAIT).status == 201
        assert ada.call("DELETE", f"media/{first['id']}").status == 204
        assert ada.post("uploads", kind="photo", name="p.png", bytes=SIZE).status == 201


def test_videos_count_and_no_job_is_taken_where_there_is_no_room(tmp_path: Path) -> None:
    with running(Config(tmp_path, quota_bytes=10**7)) as (anybody, studio):
        ada = Client(anybody.port, add_token(studio.store, "ada"))
        example = ada.post("demo").json
        before = ada.get("session").json["used_bytes"]
        job = ada.finished(ada.order(example)["id"])
        assert ada.get("session").json["used_bytes"] == before + job["result"]["bytes"]
        studio.store.change("jobs", job["id"], result=job["result"] | {"bytes": 10**7})
        request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}
        assert ada.post("jobs", **request).status == 507
        assert ada.call("DELETE", f"jobs/{job['id']}").status == 204
        assert ada.get("session").json["used_bytes"] == before


def test_the_one_user_of_a_local_studio_may_fill_the_disk(tmp_path: Path) -> None:
    with running(Config(tmp_path, quota_bytes=1)) as (client, _):
        assert client.get("session").json["quota_bytes"] is None
        assert client.upload("photo", demo.PORTRAIT).status == 201


def test_so_many_uploads_and_no_more(tmp_path: Path) -> None:
    with running(Config(tmp_path, max_files_each=2)) as (anybody, studio):
        ada = Client(anybody.port, add_token(studio.store, "ada"))
        answers = [ada.post("uploads", kind="photo", name="p.png", bytes=9).status for _ in range(3)]
        assert answers == [201, 201, 507]


def test_users_take_turns(tmp_path: Path) -> None:
    store = Store(tmp_path / "notes.sqlite3")
    rest: dict[str, Any] = {"lane": "slow", "state": "queued", "title": "t", "request": {}, "notices": []}
    for number, owner in enumerate(["ada"] * 3 + ["bob"] * 2):
        store.add("jobs", id=f"{owner}{number}", owner=owner, kind="video", attempts=0, created_at="", number=number,
                  **rest)  # fmt: skip
    served = []
    while row := store.claim("slow"):
        served.append(row["owner"])
        time.sleep(0.002)  # what comes later has a later time
    store.close()
    assert served == ["ada", "bob", "ada", "bob", "ada"]


def test_an_engine_that_cannot_run_here_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sonic.engines.svd.weights import check

    monkeypatch.setattr(check, "lacking", lambda: ["torch"])
    with running(Config(tmp_path)) as (client, _):
        example = client.post("demo").json
        request = {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}
        for address in ("jobs", "previews"):
            refused = client.post(address, **request, settings={"engine": "svd"})
            assert (refused.status, refused.json["error"]["kind"]) == (503, "InstallError")
            assert "pip install 'sonic-talk[gpu]'" in refused.error
        assert client.get("jobs").json["jobs"] == []


def test_answers_speak_the_language_that_is_asked_for(tmp_path: Path) -> None:
    with running(Config(tmp_path)) as (client, _):
        path = "media/none"
        assert client.get(path).error == "no file of yours has this id"
        for header in ("zh", "zh-CN,zh;q=0.9,en;q=0.8", "fr, zh;q=0.4"):
            assert client.get(path, Accept_Language=header).error == "你没有这个编号的文件"
        assert client.get(f"{path}?language=zh").error == "你没有这个编号的文件"
        for header in ("en-GB, zh", "tlh", "", ";,;"):
            assert client.get(path, Accept_Language=header).error == "no file of yours has this id"
        assert client.get("jobs", Host="evil.example", Accept_Language="zh").error.startswith("此地址")


def test_requests_that_are_open_at_once_are_counted(tmp_path: Path) -> None:
    with running(Config(tmp_path, max_open_each=3)) as (anybody, studio):
        ada, bob = (Client(anybody.port, add_token(studio.store, name)) for name in ("ada", "bob"))
        streams = [_listening(ada) for _ in range(3)]
        refused = ada.get("jobs")
        assert (refused.status, refused.json["error"]["kind"]) == (429, "TooManyRequests")
        assert bob.get("jobs").status == 200
        for stream in streams:
            stream.close()
        _until(lambda: ada.get("jobs").status == 200)


def test_streams_that_are_left_are_forgotten(tmp_path: Path) -> None:
    with running(Config(tmp_path)) as (client, studio):
        streams = [_listening(client) for _ in range(MAX_EACH)]
        assert client.get("events").status == 429
        for stream in streams:
            stream.close()
        _until(lambda: studio.hub.n_watchers == 0)


def test_an_upload_whose_last_answer_was_lost_is_finished_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = threading.Event()

    def slowly(path: Path, kind: str) -> Any:
        looking.set()
        time.sleep(0.3)
        return examined(path, kind)

    monkeypatch.setattr(library, "examined", slowly)
    with running(Config(tmp_path)) as (client, _):
        begun = client.post("uploads", kind="photo", name="p.png", bytes=SIZE).json
        address, data = f"uploads/{begun['id']}", demo.PORTRAIT.read_bytes()
        client.call("PUT", address, data[:-9], Content_Range=f"bytes 0-{SIZE - 10}/{SIZE}")
        lost = http.client.HTTPConnection("127.0.0.1", client.port)
        lost.putrequest("PUT", f"/api/v1/{address}")
        lost.putheader("Content-Range", f"bytes {SIZE - 9}-{SIZE - 1}/{SIZE}")
        lost.putheader("Content-Length", "9")
        lost.endheaders(data[-9:])
        assert looking.wait(20)
        lost.close()
        answers: list[Any] = []
        asking = [threading.Thread(target=lambda: answers.append(client.call("PUT", address, b""))) for _ in range(4)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 4
        assert client.get(f"media/{begun['id']}/file").body == data


def test_an_upload_that_is_broken_off_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(Config(tmp_path)) as (client, studio):
        begun = client.post("uploads", kind="photo", name="p.png", bytes=SIZE).json
        lost = http.client.HTTPConnection("127.0.0.1", client.port)
        lost.putrequest("PUT", f"/api/v1/uploads/{begun['id']}")
        lost.putheader("Content-Range", f"bytes 0-{SIZE - 1}/{SIZE}")
        lost.putheader("Content-Length", str(SIZE))
        lost.endheaders(demo.PORTRAIT.read_bytes()[:5000])
        _until(lambda: client.get(f"uploads/{begun['id']}").json["offset"] == 5000)
        lost.close()
        whole = http.client.HTTPConnection("127.0.0.1", client.port)
        whole.putrequest("POST", "/api/v1/media?kind=photo&name=q.png")
        whole.putheader("Content-Length", str(SIZE))
        whole.endheaders(demo.PORTRAIT.read_bytes()[:5000])
        _until(lambda: len(studio.store.rows("SELECT id FROM media")) == 2)
        whole.close()
        _until(lambda: len(studio.store.rows("SELECT id FROM media")) == 1)
    assert not [record for record in caplog.records if record.exc_info]


def _listening(client: Client) -> socket.socket:
    """A stream of events that somebody reads the beginning of and then no more."""
    stream = socket.create_connection(("127.0.0.1", client.port))
    token = f"Authorization: Bearer {client.token}\r\n" if client.token else ""
    stream.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n{token}\r\n".encode())
    assert b"200" in stream.recv(300)
    return stream


def _until(test: Any, longest_s: float = 20) -> None:
    until = time.monotonic() + longest_s
    while not test():
        assert time.monotonic() < until
        time.sleep(0.02)
