"""What ``verify`` says: a verdict, one sentence, and for every layer what was found and what that does not prove."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERDICTS = {
    "intact": (0, "made with Sonic, signed by a known key, unchanged since"),
    "marked": (10, "says or shows that it is AI-generated, but no signature proves it"),
    "changed": (11, "changed or damaged after it was signed"),
    "nothing": (12, "no trace of AI generation was found, which proves nothing"),
    "unknown signer": (13, "made with Sonic by its signed statement, unchanged since, but nobody known signed it"),
    "other tool": (14, "signed by another tool; what it states of AI is in the lines"),
    "contradictory": (15, "its layers contradict each other: they are not all of this video, or not as they were made"),
}
"""Verdict -> (exit code of ``sonic verify``, what it means)."""
STATES = {
    "intact": "there, and it fits",
    "broken": "there, and it does not fit",
    "found": "there, and nothing vouches for it",
    "absent": "not there",
    "not looked at": "could not be looked at; the reason is said",
}
"""State of a layer and what it means."""
WIDTH = 100
_NAME = 21


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of provenance, for people and machines."""

    name: str
    """credentials, metadata, record, log, watermark, label or consent."""
    title: str
    state: str
    """One of STATES."""
    found: str
    """What was found."""
    proves: str
    """What that proves, and what it does not."""
    facts: Mapping[str, Any]
    """Plain values."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a file is, as far as it can be known."""

    path: str
    sha256: str
    kind: str
    """What the file is by its content, such as MP4."""
    verdict: str
    """One of VERDICTS."""
    headline: str
    """One sentence."""
    states_ai: bool
    """Whether anything in or on the file says that it was made or changed with AI; whether that is true is another
    matter."""
    conflicts: tuple[str, ...]
    """Layers that contradict each other, one line each."""
    layers: tuple[Layer, ...]

    @property
    def exit_code(self) -> int:
        """Of ``sonic verify``."""
        return VERDICTS[self.verdict][0]

    def layer(self, name: str) -> Layer:
        """One layer. Raises KeyError if there is none of this name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for machines."""
        return {
            "file": self.path,
            "sha256": self.sha256,
            "kind": self.kind,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "headline": self.headline,
            "states_ai": self.states_ai,
            "conflicts": list(self.conflicts),
            "layers": {
                layer.name: {"state": layer.state, "found": layer.found, "proves": layer.proves, **layer.facts}
                for layer in self.layers
            },
        }

    def to_text(self) -> str:
        """Some lines, for people."""
        lines = [*textwrap.wrap(f"{self.path}: {self.headline}", WIDTH), ""]
        lines += [line for conflict in self.conflicts for line in _wrapped("contradiction", conflict)]
        for layer in self.layers:
            lines += _wrapped(layer.title, layer.found)
            lines += _wrapped("", layer.proves) if layer.proves else []
        return "\n".join(lines)


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"  {name:{_NAME}}", subsequent_indent=" " * (_NAME + 2), break_on_hyphens=False
    )
