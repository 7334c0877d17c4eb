"""Speech with its phones and, where they are known, phone times: of tracked clips, of recordings, of synthetic voices.

Recordings come with ``utterances.tsv`` (columns file, speaker, split, text, phones: ARPAbet with stress, words
separated by ``|``).
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.errors import MediaError
from sonic.training.phones import GRID_DICTIONARY, INDEX, sentence_phones, without_stress
from sonic.training.shards import Column, Shards, ShardWriter
from sonic.training.track import decode_sound
from sonic.training.tracks import Tracks
from sonic.types import F32, SPEECH_RATE_HZ, U8

COLUMNS = (Column("samples", np.int16), Column("labels", np.uint8))
TABLE = "utterances.tsv"
FIELDS = ("key", "speaker", "split", "phones")
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
    """Utterances of one folder, mapped and not loaded. Raises MediaError for a damaged store."""

    def __init__(self, folder: Path) -> None:
        self._shards = Shards(folder, COLUMNS)
        self.rows = self._shards.rows
        """FIELDS of every utterance."""

    def __len__(self) -> int:
        return len(self.rows)

    def labels(self) -> list[U8]:
        """Phone labels of every utterance, without touching the sound."""
        return [np.array(self._shards.array(i, "labels")) for i in range(len(self))]

    def __getitem__(self, i: int) -> Utterance:
        row = self.rows[i]
        samples, labels = self._shards.array(i, "samples"), self._shards.array(i, "labels")
        return Utterance(row["key"], row["speaker"], row["split"], samples, row["phones"], labels)


def is_test(row: Mapping[str, str], held_out: Sequence[str]) -> bool:
    """Kept for testing: an utterance of a held-out speaker, or of a corpus's own test split."""
    return row["split"] == "test" or row["speaker"] in held_out


def write_cache(utterances: Iterator[Utterance], folder: Path) -> int:
    """Write a SoundCache; returns the number of utterances."""
    with ShardWriter(folder, COLUMNS, FIELDS) as store:
        for u in utterances:
            values = {"key": u.key, "speaker": u.speaker, "split": u.split, "phones": u.phones}
            store.append(values, {"samples": u.samples, "labels": u.labels})
        return len(store.keys)


def spoken_utterances(folder: Path, most: int) -> Iterator[Utterance]:
    """At most so many recordings of an ``utterances.tsv``, evenly picked.

    Raises MediaError if there is none or one of its files is missing.
    """
    rows = utterance_table(folder)
    for row in rows[:: -(-len(rows) // most)]:
        phones = " ".join(without_stress(row["phones"].split()))
        if not phones or any(p not in INDEX and p != "|" for p in phones.split()):
            continue
        path = folder / row["file"]
        if not path.is_file():
            raise MediaError(f"{path} is missing; {folder / TABLE} names it")
        yield _unlabelled(row["file"], row["speaker"], row["split"], _int16(decode_sound(path)[0]), phones)


def utterance_table(folder: Path) -> list[dict[str, str]]:
    """The lines of a folder's ``utterances.tsv``. Raises MediaError if it is missing or lacks a column."""
    path = folder / TABLE
    if not path.is_file():
        raise MediaError(f"{path} is missing; it lists file, speaker, split, text and phones of each recording")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    lacking = {"file", "speaker", "split", "phones"} - set(rows[0] if rows else ())
    if lacking:
        raise MediaError(f"{path} lacks {', '.join(sorted(lacking))}; name the columns in its first line")
    return rows


def tracked_utterances(tracks: Tracks, held_out: tuple[str, ...] = ()) -> Iterator[Utterance]:
    """The sound of tracked clips; with phones where GRID's dictionary covers the sentence."""
    for i, row in enumerate(tracks.rows):
        text, speaker = row["text"], row["speaker"]
        known = text and all(word in GRID_DICTIONARY for word in text.split())
        split = "test" if speaker in held_out else row["split"]
        yield _unlabelled(row["key"], speaker, split, _int16(tracks.samples(i)), sentence_phones(text) if known else "")


def _unlabelled(key: str, speaker: str, split: str, samples: NDArray[np.int16], phones: str) -> Utterance:
    return Utterance(key, speaker, split, samples, phones, np.full(n_labels(len(samples)), UNKNOWN, np.uint8))


def _int16(samples: F32) -> NDArray[np.int16]:
    return np.asarray(np.clip(samples, -1, 1) * 32767, np.int16)
