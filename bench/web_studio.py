"""What the studio's server bears: many jobs in its queue, many browsers watching, somebody who waits for a preview.

    python bench/web_studio.py [--jobs 50] [--browsers 20] [--seconds 1] [--only-live]

Starts ``sonic studio`` in a process of its own, orders the jobs (the demo, ``--seconds`` long, 384 px), and lets as
many clients as ``--browsers`` do what a page does: one stream of events each, the list of videos every second, the live
video of what is made. Reported: requests a second and milliseconds (median, 95th percentile, worst) of the list while
the queue is worked off, the delay of events (sent within 200 ms of what they tell of) as the gap between two of a
running job, memory of the server (highest resident size, before and after), the time from ordering a preview to its
video while the queue is full, how many jobs were done, and the processor time a job, which other load hardly changes.
Last, with an empty queue, what it costs that a video can be watched while it is made: the server's processor seconds
for the demo at its full size, with and without that, in turn, each time with another seed; the median of LIVE_ROUNDS
rounds.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

import machine

LIVE_ROUNDS = 5


class Api:
    """The interface, over a connection for each request as a browser's worst case."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """JSON in, JSON out. Raises RuntimeError for other answers than 2xx."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, f"/api/v1/{path}", data, {"Content-Type": "application/json"} if data else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text else None


class Browser(threading.Thread):
    """Events, the list every second, and the live video of whatever is made."""

    def __init__(self, api: Api, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._api, self._over = api, over
        self.list_ms: list[float] = []
        self.gaps_ms: list[float] = []
        self.live_bytes = 0

    def run(self) -> None:
        threading.Thread(target=self._hear, daemon=True).start()
        while not self._over.is_set():
            began = time.perf_counter()
            jobs = self._api.call("GET", "jobs?limit=60")["jobs"]
            self.list_ms.append(1000 * (time.perf_counter() - began))
            for job in jobs:
                if job["state"] == "running":
                    self._watch(job["id"])
            self._over.wait(max(0.0, 1 - (time.perf_counter() - began)))

    def _hear(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._api.port, timeout=600)
        connection.request("GET", "/api/v1/events")
        stream, last = connection.getresponse(), {}
        while not self._over.is_set() and (line := stream.readline()):
            if line.startswith(b"data: "):
                job = json.loads(line[6:])
                now = time.perf_counter()
                if job["state"] == "running" and (job.get("progress") or {}).get("stage") == "video":
                    if job["id"] in last:
                        self.gaps_ms.append(1000 * (now - last[job["id"]]))
                    last[job["id"]] = now

    def _watch(self, job: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._api.port, timeout=120)
        connection.request("GET", f"/api/v1/jobs/{job}/live")
        answer = connection.getresponse()
        while answer.status == 200 and (block := answer.read(65_536)):
            self.live_bytes += len(block)
        connection.close()


def memory_mb(pid: int, what: str) -> float:
    """VmRSS or VmHWM of a process."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(what))


def processor_s(pid: int) -> float:
    """Processor time that a process and all its threads have used."""
    with open(f"/proc/{pid}/stat") as status:
        user, system = status.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def order_of_demo(api: Api) -> dict[str, str]:
    """What every job here is made of."""
    example = api.call("POST", "demo", {})
    return {kind: example[kind]["id"] for kind in ("photo", "speech", "consent")}


def made(api: Api, values: dict[str, Any]) -> dict[str, Any]:
    """The job that these values order, when it is over. Raises RuntimeError where it made nothing."""
    job: dict[str, Any] = api.call("POST", "jobs", values)
    while job["state"] in ("queued", "running"):
        time.sleep(0.1)
        job = api.call("GET", f"jobs/{job['id']}")
    if job["state"] != "done":
        raise RuntimeError(f"the job {job['state']}: {job['error']}")
    return job


def measure_live(api: Api, pid: int) -> None:
    """Print what it costs that a video can be watched while it is made."""
    order = order_of_demo(api)
    job = made(api, order)
    used: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(LIVE_ROUNDS):
        for live in (False, True):
            before = processor_s(pid)
            made(api, order | {"live": live, "settings": {"seed": seed}})
            used[live].append(processor_s(pid) - before)
    size = f"{job['result']['duration_s']:.1f} s of {job['result']['width']}x{job['result']['height']}"
    without, watched = (statistics.median(used[live]) for live in (False, True))
    print(f"{size}: {without:.1f} s of processor time, {watched:.1f} s if it can be watched", end=", ")
    print(f"{100 * (watched / without - 1):+.0f} %; each from", end=" ")
    print(" and ".join(f"{min(used[live]):.1f} to {max(used[live]):.1f}" for live in (False, True)))


def spread(values: list[float]) -> str:
    """Median, 95th percentile and worst."""
    values = sorted(values)
    return f"{statistics.median(values):.0f} / {values[int(0.95 * (len(values) - 1))]:.0f} / {values[-1]:.0f} ms"


def measure(api: Api, pid: int, n_jobs: int, n_browsers: int, seconds: float) -> None:
    """Order, watch, print."""
    order = order_of_demo(api)
    made(api, order | {"settings": {"duration": seconds, "min_resolution": 384}})
    print(f"memory warm, nobody watching: {memory_mb(pid, 'VmRSS'):.0f} MB")
    began, used_s = time.perf_counter(), processor_s(pid)
    ids = [
        api.call("POST", "jobs", order | {"settings": {"duration": seconds, "min_resolution": 384, "seed": n}})["id"]
        for n in range(n_jobs)
    ]
    print(f"{n_jobs} jobs ordered in {1000 * (time.perf_counter() - began):.0f} ms")
    over = threading.Event()
    browsers = [Browser(api, over) for _ in range(n_browsers)]
    for browser in browsers:
        browser.start()
    waited = []
    for _ in range(3):
        asked = time.perf_counter()
        preview = api.call("POST", "previews", order)["id"]
        while api.call("GET", f"jobs/{preview}")["state"] in ("queued", "running"):
            time.sleep(0.05)
        waited.append(1000 * (time.perf_counter() - asked))
    while any(api.call("GET", f"jobs/{id_}")["state"] in ("queued", "running") for id_ in ids[-1:]):
        time.sleep(0.2)
    wall_s = time.perf_counter() - began
    over.set()
    states = [api.call("GET", f"jobs/{id_}")["state"] for id_ in ids]
    lists = [ms for browser in browsers for ms in browser.list_ms]
    print(f"done {states.count('done')} of {n_jobs} in {wall_s:.0f} s, {wall_s / n_jobs:.2f} s a job")
    print(f"processor time of the server: {(processor_s(pid) - used_s) / n_jobs:.2f} s a job, watchers included")
    print(f"list of videos: {len(lists)} requests, {len(lists) / wall_s:.0f} a second, {spread(lists)}")
    print(f"events of a running job apart: {spread([ms for browser in browsers for ms in browser.gaps_ms])}")
    print(f"live video sent: {sum(browser.live_bytes for browser in browsers) / 1e6:.0f} MB")
    print(f"preview while the queue is full: {spread(waited)}")
    print(f"memory: highest {memory_mb(pid, 'VmHWM'):.0f} MB, at the end {memory_mb(pid, 'VmRSS'):.0f} MB")


def main() -> None:
    """Start the server, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--browsers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only-live", action="store_true", help="what watching costs, and nothing else")
    chosen = parser.parse_args()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sonic", "studio", "--folder", folder, "--port", "0", "--no-browser", "--json"]
        environment = os.environ | {"SONIC_HOME": f"{folder}/home"}
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        assert process.stdout
        port = int(json.loads(process.stdout.readline())["address"].rstrip("/").rpartition(":")[2])
        try:
            if not chosen.only_live:
                measure(Api(port), process.pid, chosen.jobs, chosen.browsers, chosen.seconds)
            measure_live(Api(port), process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


if __name__ == "__main__":
    main()
