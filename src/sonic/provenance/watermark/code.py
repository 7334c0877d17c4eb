"""The payload of the watermark: 72 bits as 1152 chips of +1 or -1, and back from noisy chips.

    bits 0 .. 7     KIND: a video made by Sonic, first format
    bits 8 .. 55    content id, 48 bits
    bits 56 .. 71   CRC-16 (CCITT, start 0xFFFF) of the first 56 bits

Each byte becomes one of 256 words of 128 chips, a row of the Hadamard matrix or its negative: the biorthogonal code,
whose best decoder is one matrix product over soft values. The chips of a byte are spread over all waves of the pattern
and scrambled by signs. Where the likeliest words fail the check, up to MAX_CHANGES of them are replaced by others that
are nearly as likely (list decoding).
"""

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sonic.types import F64

KIND = 0xA1
ID_BITS = 48
N_BYTES = 9
WORD_CHIPS = 128
N_CHIPS = N_BYTES * WORD_CHIPS
CHECK_BITS = 16
"""The CRC: bits that chance must hit. KIND is known, so it helps to read and checks nothing."""

MAX_CHANGES = 3
N_ALTERNATIVES = 20
"""Other words that are tried: those that lose least."""
LIST = 1 + 20 + 190 + 1140
"""Payloads at most that are checked for one set of soft values."""

_SEED = 0x50_4F_4E_49_43


def encode(content_id: int) -> F64:
    """(N_CHIPS,) chips, +1 or -1. Raises ValueError unless 0 <= content_id < 2**48."""
    if not 0 <= content_id < 2**ID_BITS:
        raise ValueError(f"content id is {content_id}; it must be a whole number of {ID_BITS} bits")
    head = bytes([KIND]) + content_id.to_bytes(ID_BITS // 8, "big")
    payload = np.frombuffer(head + crc16(head).to_bytes(2, "big"), np.uint8)
    words = _hadamard()[payload & 127] * np.where(payload < 128, 1, -1)[:, None]
    place, sign = _spreading()
    chips = np.empty(N_CHIPS)
    chips[place] = (words * sign).ravel()
    return chips


def names_id() -> NDArray[np.bool_]:
    """(N_CHIPS,) the chips that differ from video to video: all but those of KIND."""
    own = np.ones(N_CHIPS, np.bool_)
    own[_spreading()[0][:WORD_CHIPS]] = False
    return own


def decode(soft: F64) -> int | None:
    """The content id in (N_CHIPS,) soft values of the chips, or None unless the CRC is right."""
    place, sign = _spreading()
    score = (soft[place].reshape(N_BYTES, WORD_CHIPS) * sign) @ _hadamard()
    for payload in _likely(np.concatenate([score, -score], axis=1)):
        if crc16(payload[:7]) == int.from_bytes(payload[7:], "big"):
            return int.from_bytes(payload[1:7], "big")
    return None


def _likely(score: F64) -> Iterator[bytes]:
    """Payloads by falling likelihood, for the (N_BYTES, 256) scores of all values of all bytes."""
    score[0, np.arange(256) != KIND] = -np.inf
    best = score.argmax(axis=1)
    loss = score.max(axis=1, keepdims=True) - score
    loss[np.arange(N_BYTES), best] = np.inf
    cheapest = [divmod(int(i), 256) for i in np.argsort(loss, axis=None)[:N_ALTERNATIVES]]
    changes = [
        change
        for n in range(MAX_CHANGES + 1)
        for change in itertools.combinations(cheapest, n)
        if len({byte for byte, _ in change}) == n
    ]
    for change in sorted(changes, key=lambda change: sum(loss[place] for place in change)):
        payload = best.astype(np.uint8)
        for byte, value in change:
            payload[byte] = value
        yield payload.tobytes()


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def raw(seed: int, n: int) -> NDArray[np.uint64]:
    """``n`` random words that are the same with every version of numpy, unlike what its Generator draws."""
    return np.random.PCG64(seed).random_raw(n)


@cache
def _hadamard() -> F64:
    """(128, 128) Sylvester's, symmetric."""
    matrix = np.ones((1, 1))
    while len(matrix) < WORD_CHIPS:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


@cache
def _spreading() -> tuple[NDArray[np.intp], F64]:
    """Where each chip of each byte lies (N_CHIPS,), and its sign (N_BYTES, WORD_CHIPS)."""
    words = raw(_SEED, 2 * N_CHIPS)
    sign = np.where(words[N_CHIPS:] >> np.uint64(63), 1.0, -1.0)
    return words[:N_CHIPS].argsort(kind="stable"), sign.reshape(N_BYTES, WORD_CHIPS)
