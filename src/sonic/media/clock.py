"""Gaps in the time stamps of a recording: silence stands for what is lost, so that the rest keeps its times.

A recording has gaps where packets were dropped on their way, where a recorder stopped for a while, and where a part of
the file is damaged. Time stamps also jitter by some milliseconds, and start anew where files were joined.
"""

from dataclasses import dataclass

SHORTEST_GAP_S = 0.018
"""A lost packet of Opus is 20 ms."""
LONGEST_GAP_S = 60.0
"""Stamps that jump further belong to another clock."""
PRIMING_S = 0.2
"""Decoders that need several packets for their first frame begin so late, and nothing is lost."""
_BACK_S = 1.0
"""Stamps that jump back this far start anew."""


@dataclass(slots=True)
class Clock:
    """Where a recording is by its own time stamps, against what was decoded of it."""

    at_s: float | None = None
    """Stamp of the next frame if nothing is missing; None before the first if its stamp is not known."""
    ahead_s: float = 0.0
    """How far the stamps are ahead of the sound; jitter is not filled twice."""
    heard_s: float = 0.0
    """Sound so far."""
    filled_s: float = 0.0
    """Silence so far: never more than the sound and the longest gap, so that a damaged file cannot grow to hours."""

    def gap_before(self, start_s: float | None, duration_s: float) -> float:
        """Seconds that are missing before a frame with this stamp (None: it has none) and duration."""
        first, self.heard_s = not self.heard_s, self.heard_s + duration_s
        if start_s is None:
            self.at_s = None if self.at_s is None else self.at_s + duration_s
            return 0.0
        jump_s = 0.0 if self.at_s is None else start_s - self.at_s
        self.at_s = start_s + duration_s
        if (first and jump_s < PRIMING_S) or not -_BACK_S < jump_s <= LONGEST_GAP_S:
            self.ahead_s = 0.0
            return 0.0
        self.ahead_s += jump_s
        gap_s = min(jump_s, self.ahead_s, self.heard_s + LONGEST_GAP_S - self.filled_s)
        if gap_s < SHORTEST_GAP_S:
            return 0.0
        self.ahead_s -= gap_s
        self.filled_s += gap_s
        return gap_s
