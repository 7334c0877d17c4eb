"""Step 3: all sound for the speech encoder in one cache, with phones and, where they are known, phone times.

    python -m sonic.train.sound --speech SPEECH --tracks CACHE --voices 1500 --out SOUND

SPEECH holds ``utterances.tsv`` (columns file, speaker, split, text, phones: ARPAbet with stress, words separated by
``|``). CACHE is made by sonic.train.prepare; its clips with a GRID sentence are added. ``--voices N`` adds N
sentences spoken by espeak-ng's voices in ten languages, whose phone times are exact.
"""

import argparse
import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.train.phones import GRID_DICTIONARY, INDEX, sentence_phones, without_stress
from sonic.types import F32, SPEECH_RATE_HZ, U8

log = logging.getLogger(__name__)

LABEL_HZ = 50
"""Rate of the phone labels and of the encoder's inner frames."""
UNKNOWN = 255
"""Label of a frame whose phone is not known."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One piece of speech with what is known about it."""

    key: str
    speaker: str
    split: str
    """train or test"""
    samples: NDArray[np.int16]
    phones: str
    """ARPAbet without stress, words separated by ``|``."""
    labels: U8
    """(samples / 320 + 1,) phone index at 50 Hz, UNKNOWN where it is not known."""


def n_labels(n_samples: int) -> int:
    """Labels of so many samples: label j stands at j / 50 s."""
    return n_samples // (SPEECH_RATE_HZ // LABEL_HZ) + 1


class SoundCache:
    """Utterances in three flat files (samples, labels, index), mapped, not loaded."""

    def __init__(self, folder: Path) -> None:
        with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
            self.rows = list(csv.DictReader(file))
        self._samples = np.memmap(folder / "samples.i16", np.int16, "r")
        self._labels = np.memmap(folder / "labels.u8", np.uint8, "r")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> Utterance:
        row = self.rows[i]
        a, n, b = int(row["start"]), int(row["length"]), int(row["label_start"])
        labels = np.asarray(self._labels[b : b + n_labels(n)])
        samples = np.asarray(self._samples[a : a + n])
        return Utterance(row["key"], row["speaker"], row["split"], samples, row["phones"], labels)


def write_cache(utterances: Iterator[Utterance], folder: Path) -> int:
    """Write a SoundCache; returns the number of utterances."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = ["key", "speaker", "split", "start", "length", "label_start", "phones"]
    start = label_start = count = 0
    with (
        (folder / "samples.i16").open("wb") as samples,
        (folder / "labels.u8").open("wb") as labels,
        (folder / "index.csv").open("w", newline="", encoding="utf-8") as index,
    ):
        table = csv.writer(index)
        table.writerow(fields)
        for u in utterances:
            samples.write(u.samples.tobytes())
            labels.write(u.labels.tobytes())
            table.writerow([u.key, u.speaker, u.split, start, len(u.samples), label_start, u.phones])
            start, label_start, count = start + len(u.samples), label_start + len(u.labels), count + 1
            if count % 500 == 0:
                log.info("%d utterances, %.2f h", count, start / SPEECH_RATE_HZ / 3600)
    return count


def spoken_utterances(folder: Path) -> Iterator[Utterance]:
    """The recordings of an ``utterances.tsv``."""
    with (folder / "utterances.tsv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            phones = " ".join(without_stress(row["phones"].split()))
            if not phones or any(p not in INDEX and p != "|" for p in phones.split()):
                continue
            samples = _int16(_decode(folder / row["file"]))
            yield _unlabelled(row["file"], row["speaker"], row["split"], samples, phones)


def tracked_utterances(cache: Path, held_out: tuple[str, ...] = ()) -> Iterator[Utterance]:
    """The sound of tracked clips whose sentence GRID's dictionary covers."""
    for path in sorted(cache.glob("*.npz")):
        with np.load(path) as clip:
            text, speaker, samples = str(clip["text"]), str(clip["speaker"]), clip["samples"]
        if text and all(word in GRID_DICTIONARY for word in text.split()):
            split = "test" if speaker in held_out else "train"
            yield _unlabelled(path.stem, speaker, split, _int16(samples), sentence_phones(text))


def _unlabelled(key: str, speaker: str, split: str, samples: NDArray[np.int16], phones: str) -> Utterance:
    return Utterance(key, speaker, split, samples, phones, np.full(n_labels(len(samples)), UNKNOWN, np.uint8))


def _int16(samples: F32) -> NDArray[np.int16]:
    return np.asarray(np.clip(samples, -1, 1) * 32767, np.int16)


def _decode(path: Path) -> F32:
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=SPEECH_RATE_HZ)
        blocks = [b.to_ndarray()[0] for f in container.decode(audio=0) for b in resampler.resample(f)]
        blocks += [b.to_ndarray()[0] for b in resampler.resample(None)]
    return np.asarray(np.concatenate(blocks), np.float32)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.sound", description=__doc__.partition("\n")[0])
    parser.add_argument("--speech", type=Path, help="folder with utterances.tsv")
    parser.add_argument("--tracks", type=Path, help="folder made by sonic.train.prepare")
    parser.add_argument("--held-out", default="", help="speakers of the tracks kept for testing, by comma")
    parser.add_argument("--voices", type=int, default=0, help="sentences of synthetic voices")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")

    def everything() -> Iterator[Utterance]:
        if options.tracks:
            yield from tracked_utterances(options.tracks, tuple(options.held_out.split(",")))
        if options.speech:
            yield from spoken_utterances(options.speech)
        if options.voices:
            from sonic.train.voices import synthetic_utterances

            yield from synthetic_utterances(options.voices, np.random.default_rng(options.seed))

    log.info("done: %d utterances", write_cache(everything(), options.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
