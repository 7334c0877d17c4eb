"""What batches survive, and how well captions are timed.

    python bench/bulk.py stress [--rows 200]    rows with poisoned ones, a kill and a full disk in between
    python bench/bulk.py captions               word times of synthetic voices in twelve languages against known ones
    python bench/bulk.py ray [--rows 8]         a local Ray against the bare runner (extra ray)
    python bench/bulk.py memory                 what a worker needs, by the size of the picture (Linux)

stress: clips of 0.6 s at 128 px from the bundled recording, on two workers. Poisoned rows pass every check before the
start: photos without a face. The first call is killed (SIGKILL, with whatever its workers are at) after a quarter of
the rows; during the second the disk fills up (a file system of its own in memory, where that may be mounted); the third
and fourth are the same command again. Every video that is there at the end is held to the hash in its record.

captions: the sentences of spoken.py, in three voices each, said by espeak-ng with its own word events as the truth. The
aligner hears espeak-ng as well, in another voice, at another pace and pitch, word by word: so these are clean synthetic
voices of the same family, not people.
"""

import argparse
import ctypes
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

import machine
from jobs import write_wav
from sonic import demo
from sonic.apps.batch.manifest import RawRow
from sonic.apps.batch.plan import check_rows
from sonic.apps.batch.rows import Defaults
from sonic.apps.batch.workers import Options, run_rows, worker_bytes
from sonic.captions import espeak
from sonic.captions.align import align
from sonic.captions.script import Unit, units_of
from sonic.media.recording import load_speech
from sonic.pipeline.write import is_foreign
from sonic.training.voices import Espeak, _Event, resampled
from sonic.types import F32, SPEECH_RATE_HZ
from spoken import EDGE_S, SENTENCES, SPEAKERS

N_POISONED = 5
WORD = 1
"""espeak-ng's event at the beginning of a word."""
LANGUAGES = {
    "English": "en", "Mandarin": "zh", "Cantonese": "yue", "Korean": "ko", "Hindi": "hi", "French": "fr",
    "German": "de", "Russian": "ru", "Portuguese": "pt", "Arabic": "ar", "Spanish": "es", "Japanese": "ja",
}  # fmt: skip
TARGET_MS = 80
RAY_ROW_S, RAY_SIDE_PX, RAY_WORKERS, ROUNDS = 6.0, 256, (2,), 2
MEMORY_ROW_S = 3.5
MEMORY_ROWS: tuple[dict[str, object], ...] = (
    {"min_resolution": 256}, {"min_resolution": 512}, {"min_resolution": 1024}, {"platform": "tiktok"},
)  # fmt: skip


class WordEvents(Espeak):
    """As Espeak, with the time of each word."""

    def __init__(self) -> None:
        self.words: dict[int, float] = {}
        super().__init__()

    def _receive(self, wave: "ctypes._Pointer[ctypes.c_short]", n: int, events: "ctypes._Pointer[_Event]") -> int:
        place = 0
        while events[place].type:
            if events[place].type == WORD:
                self.words[events[place].text_position - 1] = events[place].audio_position / 1000
            place += 1
        return super()._receive(wave, n, events)


def captions() -> None:
    """The table of word times."""
    voice = WordEvents()
    print("| language | words | median error | 90 % within |\n|---|---|---|---|")
    everything: list[float] = []
    for language, (name, *sentences) in SENTENCES.items():
        errors: list[float] = []
        for sentence, (variant, rate, pitch) in zip(sentences, SPEAKERS, strict=True):
            errors += _errors(voice, sentence, f"{name}+{variant}", rate, pitch, LANGUAGES[language])
        everything += errors
        away = 1000 * np.abs(errors)
        print(f"| {language} | {len(away)} | {np.median(away):.0f} ms | {np.percentile(away, 90):.0f} ms |", flush=True)
    away = 1000 * np.abs(everything)
    print(f"| all | {len(away)} | {np.median(away):.0f} ms | {np.percentile(away, 90):.0f} ms |")
    print(f"\ntarget: median below {TARGET_MS} ms: {'met' if np.median(away) < TARGET_MS else 'MISSED'}")


def _errors(voice: WordEvents, sentence: str, name: str, rate: int, pitch: int, language: str) -> list[float]:
    voice.words = {}
    samples, _ = voice.speak(sentence, name, rate=rate, pitch=pitch, spread=50)
    edge = np.zeros(round(EDGE_S * voice.rate_hz), np.int16)
    sound = resampled(np.concatenate([edge, samples, edge]), voice.rate_hz).astype(np.float32) / 32768
    units = units_of(sentence)
    times = align(sound, _said(units, language, name), [unit.text for unit in units])
    errors, position = [], 0
    for unit, (begin_s, _) in zip(units, times, strict=True):
        position = sentence.index(unit.text, position)
        if position in voice.words:
            errors.append(begin_s - EDGE_S - voice.words[position])
        position += len(unit.text)
    return errors


def _said(units: Sequence[Unit], language: str, name: str) -> list[F32]:
    """The words as the aligner would have them; pinyin, which espeak-ng reads by a voice of its own, included."""
    if "pinyin" not in name:
        return espeak.say(units, language) or []
    nothing = np.zeros(0, np.float32)
    sounds = (espeak._say(unit.text.strip(".,?!"), name.split("+")[0]) for unit in units)
    return [nothing if sound is None else sound for sound in sounds]


def stress(n_rows: int) -> None:
    """The table of what happened."""
    with tempfile.TemporaryDirectory(prefix="sonic-bulk-") as scratch:
        folder = Path(scratch)
        manifest = _manifest(folder, n_rows)
        out = folder / "out"
        out.mkdir()
        mounted = _mounted(out)
        print(
            f"{n_rows} rows, {N_POISONED} poisoned, 2 workers; file system of its own: {'yes' if mounted else 'no'}\n"
        )
        print("| call | what happens in it | exit | made | there before | failed | seconds |")
        print("|---|---|---|---|---|---|---|")
        try:
            _call(manifest, out, "1", "killed after a quarter", kill_after=n_rows // 4)
            if mounted:
                _call(manifest, out, "2", "the disk fills up after a quarter", fill_after=n_rows // 4)
            _call(manifest, out, "3", "nothing")
            _call(manifest, out, "4", "nothing")
            _verdict(out, n_rows)
        finally:
            if mounted:
                subprocess.run(["umount", str(out)], check=False)


def _manifest(folder: Path, n_rows: int) -> Path:
    samples = load_speech(demo.SPEECH, lambda line: None).samples
    Image.new("RGB", (240, 240), (90, 120, 150)).save(folder / "nobody.png")
    (folder / "teacher.png").write_bytes(demo.PORTRAIT.read_bytes())
    poisoned = {n_rows * (2 * k + 1) // (2 * N_POISONED) for k in range(N_POISONED)}
    rows = []
    for n in range(n_rows):
        first = n * 800 % (len(samples) - SPEECH_RATE_HZ)
        write_wav(folder / f"{n:04d}.wav", samples[first : first + round(0.6 * SPEECH_RATE_HZ)].astype(np.float32))
        rows.append(
            {
                "portrait": "nobody.png" if n in poisoned else "teacher.png", "speech": f"{n:04d}.wav",
                "out": f"out/{n:04d}.mp4", "consent": "synthetic", "min_resolution": 128, "inference_steps": 1,
                "fps": 15,
            }
        )  # fmt: skip
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _mounted(out: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(out)]
    with suppress(OSError):
        return subprocess.run(command, capture_output=True).returncode == 0
    return False


def _call(manifest: Path, out: Path, name: str, what: str, *, kill_after: int = 0, fill_after: int = 0) -> None:
    command = [sys.executable, "-m", "sonic", "batch", str(manifest), "-o", str(out), "--workers", "2", "--json"]
    began_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    states: Counter[str] = Counter()
    result: dict[str, object] = {}
    filler = out / "filler"
    for line in process.stdout or ():
        event = json.loads(line)
        if event["event"] == "row":
            states[event["state"]] += 1
            if kill_after and sum(states.values()) == kill_after:
                process.send_signal(signal.SIGKILL)
            if fill_after and sum(states.values()) == fill_after:
                _fill(filler)
        elif event["event"] == "result":
            result = event
    code = process.wait()
    filler.unlink(missing_ok=True)
    kept, took_s = result.get("kept", ""), time.monotonic() - began_s
    print(
        f"| {name} | {what} | {code} | {states['done']} | {kept} | {states['failed']} | {took_s:.0f} |",
        flush=True,
    )
    time.sleep(2)  # for the workers of a killed call to notice


def _fill(path: Path) -> None:
    """All the room that there is."""
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    with suppress(OSError), open(path, "ab", buffering=0) as file:
        while True:
            file.write(bytes(1 << 10))


def _verdict(out: Path, n_rows: int) -> None:
    videos = sorted(out.glob("*.mp4"))
    whole = sum(not is_foreign(video) for video in videos)
    left = [path.name for path in out.iterdir() if ".part" in path.name]
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    made = Counter(line["out"] for line in lines if line["state"] == "done")
    print(f"\n{len(videos)} of {n_rows - N_POISONED} videos are there, {whole} as their record says; "
          f"{len(left)} unfinished files are left; {sum(n > 1 for n in made.values())} were made twice")  # fmt: skip


def on_ray(n_rows: int) -> None:
    """Both runners in turns; of each the best, for whatever else runs on the machine only adds."""
    with tempfile.TemporaryDirectory(prefix="sonic-bulk-") as scratch:
        folder = Path(scratch)
        samples = load_speech(demo.SPEECH, lambda line: None).samples[:]
        for n in range(n_rows):
            part = np.roll(samples, -n * SPEECH_RATE_HZ // 2)[: round(RAY_ROW_S * SPEECH_RATE_HZ)]
            write_wav(folder / f"{n}.wav", part.astype(np.float32))
        print(f"{n_rows} rows of {RAY_ROW_S:g} s at {RAY_SIDE_PX} px; best of {ROUNDS} calls of each runner in turns\n")
        print("| workers | runner | whole call | from the first video on | load |\n|---|---|---|---|---|")
        for workers in RAY_WORKERS:
            runs: dict[str, list[tuple[float, float, float]]] = {"bare": [], "Ray": []}
            for turn in range(ROUNDS):
                for runner, found in runs.items():
                    found.append(_timed(folder, n_rows, f"{workers}-{turn}-{runner}", workers, ray=runner == "Ray"))
            best = {runner: [min(values) for values in zip(*found, strict=True)] for runner, found in runs.items()}
            for runner, (whole_s, steady_s, load) in best.items():
                over = [f" ({own / bare - 1:+.0%})" for own, bare in zip(best[runner], best["bare"], strict=True)]
                more = over if runner == "Ray" else ["", ""]
                print(
                    f"| {workers} | {runner} | {whole_s:.0f} s{more[0]} | {steady_s:.0f} s{more[1]} | {load:.0f} |",
                    flush=True,
                )


def _timed(folder: Path, n_rows: int, name: str, workers: int, *, ray: bool) -> tuple[float, float, float]:
    """(the whole call, from the first video to the last, load) of one call, in seconds."""
    out = folder / name
    rows = (
        {"portrait": str(demo.PORTRAIT), "speech": f"{n}.wav", "out": f"{name}/{n}.mp4", "min_resolution": RAY_SIDE_PX,
         "consent": "synthetic"} for n in range(n_rows)
    )  # fmt: skip
    manifest = folder / "rows.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [sys.executable, "-m", "sonic", "batch", str(manifest), "-o", str(out), "--json"]
    command += ["--workers", str(workers), *(("--ray", "local") if ray else ())]
    began_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ends = [time.monotonic() for line in process.stdout or () if '"row"' in line and '"done"' in line]
    if process.wait() or len(ends) != n_rows:
        raise RuntimeError(f"{len(ends)} of {n_rows} videos, exit code {process.returncode}")
    return time.monotonic() - began_s, ends[-1] - ends[0], os.getloadavg()[0]


def memory() -> None:
    """The table of what a worker needs, from its own process: the most that was ever resident."""
    print("| picture | after 1 row | after 3 rows | what batches reckon with |\n|---|---|---|---|")
    for values in MEMORY_ROWS:
        with tempfile.TemporaryDirectory(prefix="sonic-bulk-") as folder:
            common = {"portrait": str(demo.PORTRAIT), "speech": str(demo.SPEECH), "duration": MEMORY_ROW_S, **values}
            raw = [RawRow("", {**common, "seed": n, "out": f"{folder}/{n}.mp4"}, Path()) for n in range(3)]
            plan = check_rows(raw, Defaults({}, demo.consent(), Path(folder)))
            peaks, size = [], (0, 0)
            for outcome in run_rows(plan.rows, 1, Options()):
                peaks.append(_peak_mb())
                size = outcome.size_px
            reckoned = worker_bytes(plan.rows) / 1e6
            print(f"| {size[0]}x{size[1]} | {peaks[0]:.0f} MB | {peaks[-1]:.0f} MB | {reckoned:.0f} MB |", flush=True)


def _peak_mb() -> float:
    """Of the one worker, as Linux counts it."""
    (worker,) = multiprocessing.active_children()
    status = Path(f"/proc/{worker.pid}/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("stress", "captions", "ray", "memory"))
    parser.add_argument("--rows", type=int)
    arguments = parser.parse_args()
    print(machine.describe(), end="\n\n")
    if arguments.part == "captions":
        captions()
    elif arguments.part == "stress":
        stress(arguments.rows or 200)
    elif arguments.part == "memory":
        memory()
    else:
        on_ray(arguments.rows or 8)


if __name__ == "__main__":
    main()
