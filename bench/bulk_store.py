"""What batches in an object store survive, against a server that speaks the S3 protocol.

    python bench/bulk_store.py [--rows 24] [--ray]    needs fsspec, s3fs, moto[server]; ray for --ray

The server is moto's, a stand-in on this machine in another process: the protocol is real, the network and the size of a
store are not. Rows are clips of 0.6 s at 128 px from the bundled recording, on two workers. The first call is killed
(SIGKILL, with its workers) after a third of the rows; beside the second another one is started, with the same folder;
the third is the same command again. Before the fourth one record, one video and one lock of a dead batch are made what
a kill leaves, and one recording is another one. At the end every video is read and held to the hash in its record.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np

import machine
from jobs import write_wav
from sonic import demo
from sonic.apps.batch.claim import NAME
from sonic.media.recording import load_speech
from sonic.types import SPEECH_RATE_HZ

BUCKET = "sonic-bench"
ROW = {"portrait": "teacher.png", "consent": "synthetic", "min_resolution": 128, "inference_steps": 1, "fps": 15}


@contextmanager
def server() -> Iterator[None]:
    """An S3 server on this machine, and an environment that leads there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }  # fmt: skip
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with socket.socket() as tried:
                if not tried.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def upload(store: Any, n_rows: int, scratch: Path) -> None:
    """A portrait, recordings and the manifest."""
    store.mkdir(BUCKET)
    store.put_file(str(demo.PORTRAIT), f"{BUCKET}/in/teacher.png")
    samples = load_speech(demo.SPEECH, lambda line: None).samples
    for n in range(n_rows):
        first = n * 800 % (len(samples) - SPEECH_RATE_HZ)
        part = samples[first : first + round(0.6 * SPEECH_RATE_HZ)].astype(np.float32)
        store.put_file(str(write_wav(scratch / "part.wav", part)), f"{BUCKET}/in/{n:04d}.wav")
    rows = ({**ROW, "speech": f"{n:04d}.wav", "out": f"../out/{n:04d}.mp4"} for n in range(n_rows))
    store.pipe_file(f"{BUCKET}/in/rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())


def call(name: str, what: str, more: list[str], *, after: int = 0, kill: bool = False) -> None:
    """One line of the table; after so many rows the call is killed, or another one is started beside it."""
    command = [sys.executable, "-m", "sonic", "batch", f"s3://{BUCKET}/in/rows.jsonl", "-o", f"s3://{BUCKET}/out"]
    command += ["--workers", "2", "--json", *more]
    began_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    states: Counter[str] = Counter()
    result: dict[str, Any] = {}
    for line in process.stdout or ():
        event = json.loads(line)
        if event["event"] == "row":
            states[event["state"]] += 1
            if after and sum(states.values()) == after:
                if kill:
                    process.send_signal(signal.SIGKILL)
                else:
                    what += f": {beside(command)}"
        elif event["event"] == "result":
            result = event
    code, took_s = process.wait(), time.monotonic() - began_s
    kept = result.get("kept", "")
    print(f"| {name} | {what} | {code} | {states['done']} | {kept} | {states['failed']} | {took_s:.0f} |", flush=True)


def beside(command: list[str]) -> str:
    """What another call with the same folder says."""
    done = subprocess.run(command, capture_output=True, text=True)
    last = json.loads(done.stdout.splitlines()[-1])
    return f"exit {done.returncode}, {last.get('message', last)!s:.60}"


def damage(store: Any, scratch: Path) -> None:
    """What a kill between video and record leaves, a record that is gone, a dead batch's lock, another recording."""
    out = f"{BUCKET}/out"
    video = store.cat_file(f"{out}/0000.mp4") + b"\0"
    values = json.loads(store.cat_file(f"{out}/0000.json"))
    values["video"]["sha256"] = hashlib.sha256(video).hexdigest()
    store.pipe_file(f"{out}/0000.json.part", json.dumps(values).encode())
    store.pipe_file(f"{out}/0000.mp4", video)
    store.rm_file(f"{out}/0001.json")
    store.pipe_file(f"{BUCKET}/in/0002.wav", store.cat_file(f"{BUCKET}/in/0003.wav"))
    store.pipe_file(f"{out}/{NAME}", b'{"host": "gone", "process": 1, "token": "x"}')


def verdict(store: Any, n_rows: int) -> None:
    """Every video against its record."""
    names = {path.rpartition("/")[2] for path in store.find(f"{BUCKET}/out")}
    videos = sorted(name for name in names if name.endswith(".mp4"))
    whole = 0
    for name in videos:
        record = json.loads(store.cat_file(f"{BUCKET}/out/{name[:-4]}.json"))
        whole += record["video"]["sha256"] == hashlib.sha256(store.cat_file(f"{BUCKET}/out/{name}")).hexdigest()
    others = names - set(videos) - {f"{name[:-4]}.json" for name in videos} - {"results.jsonl", "report.html"}
    print(f"\n{len(videos)} of {n_rows} videos are there, {whole} as their record says; other objects: {len(others)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--ray", action="store_true", help="on a local Ray")
    arguments = parser.parse_args()
    more = ["--ray", "local"] if arguments.ray else []
    print(machine.describe(("fsspec", "s3fs", "moto")), end="\n\n")
    with tempfile.TemporaryDirectory(prefix="sonic-store-") as folder, server():
        os.environ["XDG_CACHE_HOME"] = folder
        store = fsspec.filesystem("s3", use_listings_cache=False)
        upload(store, arguments.rows, Path(folder))
        third = arguments.rows // 3
        print("| call | what happens in it | exit | made | there before | failed | seconds |")
        print("|---|---|---|---|---|---|---|")
        call("1", "killed after a third", more, after=third, kill=True)
        call("2", "another call beside it", more, after=2)
        call("3", "nothing", more)
        damage(store, Path(folder))
        call("4", "two torn videos, another recording, a dead lock", more)
        verdict(store, arguments.rows)


if __name__ == "__main__":
    main()
