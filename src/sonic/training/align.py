"""Forced alignment: the best path of a known phone sequence through phone posteriors (Viterbi 1967)."""

import numpy as np

from sonic.training.phones import INDEX, SILENCE
from sonic.types import F32, U8


def states(phones: str) -> tuple[list[int], list[bool]]:
    """Phone index of each state of "P AH T | AH N", with an optional silence at both ends and between words.

    The second list says which states may be skipped.
    """
    sequence, optional = [SILENCE], [True]
    for symbol in phones.split():
        sequence.append(SILENCE if symbol == "|" else INDEX[symbol])
        optional.append(symbol == "|")
    return [*sequence, SILENCE], [*optional, True]


def align(log_posterior: F32, phones: str) -> tuple[U8, float]:
    """(T, 40) log posteriors -> (T,) phone labels and the mean log posterior along the path.

    A sequence with more phones than frames has no path: the score is -inf.
    """
    sequence, optional = states(phones)
    scores = log_posterior[:, sequence].astype(np.float64)
    n_frames, n_states = scores.shape
    skip = np.array([k >= 2 and optional[k - 1] for k in range(n_states)])
    best = np.full(n_states, -np.inf)
    best[0], best[1] = scores[0, 0], scores[0, 1]
    came = np.zeros((n_frames, n_states), np.int8)
    for t in range(1, n_frames):
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf)
        options = np.stack([best, one, two])
        came[t] = options.argmax(0)
        best = options.max(0) + scores[t]
    last = n_states - 1 if best[-1] >= best[-2] else n_states - 2
    path = np.empty(n_frames, np.intp)
    for t in range(n_frames - 1, -1, -1):
        path[t] = last
        last -= int(came[t, last])
    return np.asarray(sequence, np.uint8)[path], float(best[path[-1]] / n_frames)
