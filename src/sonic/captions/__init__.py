"""Captions: words of a text with the times at which a recording says them, as WebVTT, SRT, and in the picture."""

from sonic.captions.script import Script, read_captions
from sonic.captions.timing import Captions, timed

__all__ = ["Captions", "Script", "read_captions", "timed"]
