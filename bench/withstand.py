"""Does anything get lost or pass that should not? Kills, many processes, damaged files, a long run.

    python bench/withstand.py [--kills 25] [--processes 24] [--mutations 3200] [--minutes 60] [--seed 0]

Method, each part in a new SONIC_HOME, with the demo's portrait and recording cut to 0.4 s at 160 px:

kills       a video is made over an earlier one, in a process that is killed (SIGKILL) at a random moment of a run's
            usual time, so many times. Lost is: an earlier video that is gone; a pair of video and record that does not
            fit; a log with problems; a video without an entry. Then one more job: what it leaves behind is counted.
processes   so many processes make their first video in one new home at once. Lost is: a key, a consent or an entry
            that one of them used and the home does not have; a video that is not intact.
mutations   three quarters on a signed video (bits turned, bytes put in, cut out, exchanged; the end cut off), the rest
            on consents, the log and its head. Passed is: a video that verify calls intact, unless only bytes changed
            that the signature does not cover (the boxes ftyp and free, padding around the credentials in uuid) and
            everything that it says is what it said before; a consent that holds though its values differ;
            a log without a problem though its lines differ; and anything that raises what is no SonicError.
minutes     videos are made and verified one after another in one process. Told are videos, growth of memory after the
            first ten, open files, and whether all are intact and in the log.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from unittest import mock

import machine
import sonic
from sonic import demo
from sonic.errors import SonicError
from sonic.hashing import sha256_of_file
from sonic.pipeline.write import record_path
from sonic.provenance import audit
from sonic.provenance.consent import Consent, store
from sonic.provenance.consent.check import problems
from sonic.provenance.consent.crosscheck import faults
from sonic.provenance.policy import Policy
from sonic.unfinished import standing
from sonic.verification import verify

SMALL = sonic.Settings(min_resolution=160, duration=0.4, inference_steps=1, fps=Fraction(15))
UNCOVERED = (b"ftyp", b"free", b"uuid")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("kills", 25), ("processes", 24), ("mutations", 3200), ("minutes", 60), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        return make(arguments.make)
    print(machine.describe(("c2pa-python", "cryptography")) + "\n", flush=True)
    random.seed(arguments.seed)
    print("| part | number | lost or passed | what was seen |\n|---|---|---|---|")
    for name, part in (("kills", kills), ("processes", processes), ("mutations", mutations), ("minutes", minutes)):
        number = getattr(arguments, name)
        if number:
            with (
                tempfile.TemporaryDirectory() as folder,
                mock.patch.dict(os.environ, {"SONIC_HOME": f"{folder}/home"}),
            ):
                bad, seen = part(Path(folder) / "work", number)
            print(f"| {name} | {number} | {'; '.join(bad) or 'nothing'} | {seen} |", flush=True)


def make(out: Path) -> None:
    sonic.generate(demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=SMALL, overwrite=False)


def started(out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, __file__, "--make", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kills(folder: Path, number: int) -> tuple[list[str], str]:
    folder.mkdir()
    out, bad, late, changed = folder / "out.mp4", [], 0, 0
    make(out)
    began = time.perf_counter()
    started(out).wait()
    usual_s = time.perf_counter() - began
    for _ in range(number):
        before = sha256_of_file(out)
        process = started(out)
        # Half of the kills in the last fifth, where the files get their names.
        share = random.uniform(0.8, 1.05) if random.random() < 0.5 else random.uniform(0, 1)
        time.sleep(share * usual_s)
        process.send_signal(signal.SIGKILL)
        late += process.wait() == 0
        bad += pair_faults(out)
        changed += sha256_of_file(out) != before
    make(out)
    left = sorted(path.name for path in folder.iterdir() if path.name not in ("out.mp4", "out.json"))
    bad += [f"left behind: {name}" for name in left]
    return bad, f"{late} were done before the kill came, {changed} times a new pair stood, usual time {usual_s:.1f} s"


def pair_faults(out: Path) -> list[str]:
    if not out.exists():
        return ["no video"]
    record = standing(record_path(out))
    named = json.loads(record.read_text())["video"]["sha256"] if record else None
    bad = [] if named == sha256_of_file(out) else ["a record of another video"]
    logged = {entry.facts.get("video_sha256") for entry in audit.entries("video")}
    bad += [] if sha256_of_file(out) in logged else ["a video without an entry"]
    return bad + list(audit.verify().problems) + list(faults()[0])


def processes(folder: Path, number: int) -> tuple[list[str], str]:
    folder.mkdir()
    outs = [folder / f"{n}.mp4" for n in range(number)]
    began = time.perf_counter()
    running = [started(out) for out in outs]
    bad = [f"exit code {code}" for process in running if (code := process.wait())]
    took_s = time.perf_counter() - began
    for out in outs:
        found = verify(out, longest_s=0) if out.exists() else None
        if found is None or found.verdict != "intact" or found.layer("consent").state != "intact":
            bad.append(f"{out.name}: {found.headline if found else 'missing'}")
    bad += [*audit.verify().problems, *faults()[0]]
    kinds = Counter(entry.kind for entry in audit.entries())
    keys = {record["credentials"]["fingerprint"] for record in map(of, outs)}
    consents = {record["consent"]["id"] for record in map(of, outs)}
    return bad, f"{dict(kinds)}, {len(keys)} key, {len(consents)} consent, {took_s:.0f} s"


def of(out: Path) -> dict[str, dict[str, str]]:
    return dict(json.loads(record_path(out).read_text()))


def mutations(folder: Path, number: int) -> tuple[list[str], str]:
    folder.mkdir()
    out, changed = folder / "out.mp4", folder / "changed.mp4"
    make(out)
    audit.append("stream", {"consent": next(store.kept()).id})
    data, seen, bad = out.read_bytes(), Counter[str](), []
    covered, original = covered_bytes(data), told(out)
    for _ in range(number * 3 // 4):
        mutated = mutation(data)
        changed.write_bytes(mutated)
        verdict = said(lambda: verify(changed, longest_s=0).verdict)
        seen[verdict] += 1
        if verdict.startswith("raised"):
            bad.append(verdict)
        elif verdict == "intact" and (covered_bytes(mutated) != covered or told(changed) != original):
            bad.append("a changed video is called intact")
    home = Path(os.environ["SONIC_HOME"])
    targets = [store.folder() / f"{next(store.kept()).id}.json", home / "audit.jsonl", home / "audit.head"]
    for n in range(number - number * 3 // 4):
        bad += changed_text(targets[n % len(targets)], seen)
    return bad, ", ".join(f"{name} {n}" for name, n in seen.most_common())


def told(video: Path) -> dict[str, object]:
    """What the credentials of a video say."""
    facts = dict(verify(video, longest_s=0).layer("credentials").facts)
    facts.pop("bytes_not_covered", None)
    return facts


def changed_text(path: Path, seen: Counter[str]) -> list[str]:
    """Whether a change of a consent, the log or its head is noticed; the file is as it was afterwards."""
    data = path.read_bytes()
    mutated = mutation(data)
    path.write_bytes(mutated)
    try:
        what = said(consent_problems(path) if path.name.endswith(".json") else log_problems)
    finally:
        path.write_bytes(data)
    seen[f"{path.suffix[1:]} noticed" if what else f"{path.suffix[1:]} not noticed"] += 1
    if what.startswith("raised"):
        return [what]
    return [] if what or same_text(data, mutated) else [f"{path.name}: a change is not noticed"]


def consent_problems(path: Path) -> Callable[[], str]:
    return lambda: "; ".join(one.kind for one in problems(Consent.from_file(path), policy=Policy()))


def log_problems() -> str:
    found = audit.verify()
    return "; ".join((*found.problems, *found.notices))


def said(look: Callable[[], str]) -> str:
    try:
        return look()
    except SonicError as error:
        return type(error).__name__
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


def same_text(one: bytes, other: bytes) -> bool:
    """Whether both say the same: spaces, and escapes of the same letters."""
    try:
        return all(
            json.loads(a) == json.loads(b) for a, b in zip(one.splitlines(), other.splitlines(), strict=True)
        ) or (json.loads(one) == json.loads(other))
    except ValueError:
        try:
            return bool(json.loads(one) == json.loads(other))
        except ValueError:
            return False


def mutation(data: bytes) -> bytes:
    at, size = random.randrange(len(data)), random.choice((1, 1, 1, 4, 64, 1024))
    match random.randrange(5):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + random.randbytes(size) + data[at:]
        case 2:
            return data[:at] + data[at + size :]
        case 3:
            return data[:at] + random.randbytes(len(data[at : at + size])) + data[at + size :]
    return data[:at]


def covered_bytes(data: bytes) -> list[bytes]:
    """The boxes at the top of an MP4 that the signature covers."""
    kept, at = [], 0
    while at + 8 <= len(data):
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if size < 8:
            return [data]
        if name not in UNCOVERED:
            kept.append(data[at : at + size])
        at += size
    return kept


def minutes(folder: Path, number: int) -> tuple[list[str], str]:
    folder.mkdir()
    until, n, first_mb, bad = time.monotonic() + 60 * number, 0, 0.0, []
    with sonic.Session() as session:
        while time.monotonic() < until:
            out = folder / f"{n % 10}.mp4"
            job = sonic.Job(SMALL.replace(seed=n))
            session.generate(demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), job=job)
            found = verify(out)
            bad += [] if found.verdict == "intact" else [f"video {n}: {found.headline}"]
            n += 1
            first_mb = memory_mb() if n == 10 else first_mb
    bad += [*audit.verify().problems, *faults()[0]]
    logged = sum(1 for _ in audit.entries("video"))
    bad += [] if logged == n else [f"{logged} entries of {n} videos"]
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    bad += [f"left behind: {name}" for name in left]
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    grown = memory_mb() - first_mb
    shutil.rmtree(folder)
    return bad, f"{n} videos, memory {grown:+.0f} MB after the first ten, {files} open files"


def memory_mb() -> float:
    status = Path("/proc/self/status")
    return int(status.read_text().split("VmRSS:")[1].split()[0]) / 1024 if status.exists() else 0.0


if __name__ == "__main__":
    main()
