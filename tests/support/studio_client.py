"""A studio that really listens, and a client of it that speaks plain HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"]["message"])


class Client:
    """One user of a studio."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port, self.token = port, token

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; a dict is sent as JSON. Headers with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        data = body
        if isinstance(body, dict):
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path if path.startswith("/") else f"/api/v1/{path}", data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, **body: Any) -> Answer:
        return self.call("POST", path, body)

    def upload(self, kind: str, path: Path) -> Answer:
        """A whole file."""
        return self.call("POST", f"media?kind={kind}&name={path.name}", path.read_bytes())

    def order(self, demo: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A quick video of the demo: POST /demo's answer."""
        request = {kind: demo[kind]["id"] for kind in ("photo", "speech", "consent")}
        quick = {"duration": 0.6, "min_resolution": 128, "inference_steps": 1, "encoder_preset": "ultrafast"}
        answer = self.post("jobs", **request | {"settings": quick | more.pop("settings", {})} | more)
        assert answer.status == 201, answer.body
        return dict(answer.json)

    def when(self, job_id: str, test: Callable[[dict[str, Any]], bool], longest_s: float = 60) -> dict[str, Any]:
        """The job as soon as this is so."""
        until = time.monotonic() + longest_s
        while time.monotonic() < until:
            if test(job := self.get(f"jobs/{job_id}").json):
                return dict(job)
            time.sleep(0.02)
        raise AssertionError(f"not within {longest_s} s: {job}")

    def finished(self, job_id: str) -> dict[str, Any]:
        """The job when it is over."""
        return self.when(job_id, lambda job: job["state"] not in ("queued", "running"))


@contextmanager
def running(config: Any) -> Iterator[tuple[Client, Any]]:
    """A client of a studio in this process, and the studio."""
    import uvicorn

    from sonic.apps.studio.server import application
    from sonic.apps.studio.studio import Studio

    with Studio(config) as studio:
        server = uvicorn.Server(uvicorn.Config(application(studio), port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield Client(server.servers[0].sockets[0].getsockname()[1]), studio
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(10)


@contextmanager
def started(*options: str) -> Iterator[tuple[Client, "subprocess.Popen[str]"]]:
    """A client of ``sonic studio`` in a process of its own, which is stopped at the end if it still runs."""
    command = [sys.executable, "-m", "sonic", "studio", "--port", "0", "--no-browser", "--json", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait()}"
        yield Client(int(json.loads(line)["address"].rstrip("/").rpartition(":")[2])), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        if process.stdout:
            process.stdout.close()
