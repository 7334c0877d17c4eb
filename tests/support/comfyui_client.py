"""A ComfyUI server for tests: started on the CPU in folders of its own, spoken to over HTTP and its web socket."""

import base64
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACK = Path(__file__).parents[2] / "comfyui"
WORKFLOWS = sorted((PACK / "example_workflows").glob("*.json"))
ONLY_ON_THE_CANVAS = ("MarkdownNote", "Note")
START_S = 300
FOLDERS = ("custom_nodes", "input", "output", "temp", "user", "models")
Prompt = dict[str, dict[str, Any]]


def prompt_of(workflow: Path, **changes: Any) -> Prompt:
    """A workflow file as the server takes it; ``changes`` are for every node that has a widget of that name."""
    whole = json.loads(workflow.read_text(encoding="utf-8"))
    sources = {link[0]: [str(link[1]), link[2]] for link in whole["links"]}
    prompt: Prompt = {}
    for node in whole["nodes"]:
        if node["type"] in ONLY_ON_THE_CANVAS:
            continue
        values = iter(node["widgets_values"])
        inputs: dict[str, Any] = {}
        for slot in node["inputs"]:
            name = slot["name"]
            if "widget" in slot:
                inputs[name] = next(values)
                if name == "seed":
                    next(values)  # control_after_generate
                inputs[name] = changes.get(name, inputs[name])
            if slot["link"] is not None:
                inputs[name] = sources[slot["link"]]
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def node_of(prompt: Prompt, kind: str) -> str:
    """The id of the only node of this kind."""
    (found,) = [key for key, node in prompt.items() if node["class_type"] == kind]
    return found


@dataclass
class Server:
    """A running server."""

    base: Path
    port: int
    log: Path
    front_end: tuple[int, ...] = ()
    """Version of the front end that was asked for, as its folder says."""

    def call(self, path: str, values: Any = None) -> Any:
        """The JSON answer of GET, or of POST with these values; of a refusal its body under "refused"."""
        data = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return {"refused": json.loads(error.read() or b"null"), "status": error.code}

    def post(self, prompt: Prompt, client: str = "test") -> Any:
        """Put a prompt into the queue."""
        return self.call("/prompt", {"prompt": prompt, "client_id": client})

    def finished(self, prompt_id: str, limit_s: float = 400) -> dict[str, Any]:
        """The history of a prompt, when it has one."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            history: dict[str, Any] = self.call(f"/history/{prompt_id}")
            if prompt_id in history:
                entry: dict[str, Any] = history[prompt_id]
                return entry
            time.sleep(0.3)
        raise TimeoutError(f"prompt {prompt_id} still runs after {limit_s:.0f} s")

    def run(self, prompt: Prompt) -> dict[str, Any]:
        """Post a prompt that is taken, and wait for it."""
        answer = self.post(prompt)
        assert "prompt_id" in answer, answer
        return self.finished(answer["prompt_id"])

    @contextmanager
    def listening(self, client: str) -> "Iterator[Messages]":
        """What the server sends to this client."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            key = base64.b64encode(secrets.token_bytes(16)).decode()
            request = (
                f"GET /ws?clientId={client} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            connection.sendall(request.encode())
            stream = connection.makefile("rb")
            while stream.readline().strip():
                pass
            yield Messages(stream)


@dataclass
class Messages:
    """Frames of a web socket (RFC 6455), as a server sends them: unmasked."""

    stream: Any

    def __iter__(self) -> Iterator[dict[str, Any] | bytes]:
        while head := self.stream.read(2):
            kind, size = head[0] & 15, head[1] & 127
            if size == 126:
                (size,) = struct.unpack(">H", self.stream.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self.stream.read(8))
            body = self.stream.read(size)
            if kind == 1:
                yield json.loads(body)
            elif kind == 2:
                yield body


def failure(history: dict[str, Any]) -> dict[str, Any]:
    """What the server says of a failed or interrupted prompt."""
    messages = dict(history["status"]["messages"])
    found: dict[str, Any] = messages.get("execution_error") or messages["execution_interrupted"]
    return found


def cached(history: dict[str, Any]) -> set[str]:
    """Ids of the nodes that were not run again."""
    return set(dict(history["status"]["messages"])["execution_cached"]["nodes"])


@contextmanager
def running(
    comfyui: Path, base: Path, home: Path, front_end: Path | None = None, python: Path | None = None
) -> Iterator[Server]:
    """ComfyUI in ``base``, with the packs that are there, else with this one; everything of the user in ``home``.

    ``front_end`` None is its own, ``python`` None that of COMFYUI_PYTHON.
    """
    for name in FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    if not list((base / "custom_nodes").iterdir()):
        (base / "custom_nodes" / "sonic-talk").symlink_to(PACK, target_is_directory=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(python or os.environ.get("COMFYUI_PYTHON", sys.executable)), str(comfyui / "main.py"), "--cpu",
        "--base-directory", str(base), "--port", str(port),
        "--database-url", f"sqlite:///{base}/user/comfyui.db", "--disable-api-nodes",
        *(["--front-end-root", str(front_end)] if front_end else []),
    ]  # fmt: skip
    changed = {"HOME": str(home), "SONIC_HOME": str(home / "sonic"), "OMP_WAIT_POLICY": "PASSIVE"}
    version = tuple(map(int, front_end.parts[-3].split("."))) if front_end else ()
    server = Server(base, port, base / "server.log", version)
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env=own_packages() | changed, cwd=comfyui
        )
        try:
            _wait(server, process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def own_packages() -> dict[str, str]:
    """The environment for another Python, which shall not see the packages of this one."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _wait(server: Server, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"ComfyUI did not start:\n{server.log.read_text(errors='replace')[-3000:]}")
        try:
            server.call("/system_stats")
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise TimeoutError(f"ComfyUI did not answer within {START_S} s")
