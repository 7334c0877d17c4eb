"""An invisible watermark in the luma of every frame: it says that Sonic made the video, and names its record.

It stays where metadata and signatures go: through re-encoding, scaling, cropping, in a screenshot. What it survives was
measured (bench/watermark.py, docs/watermark.md). It is no proof: the pattern is public, so whoever wants to can remove
or forge it.

How it works: spread spectrum with a pilot. A tile of 256 x 256 cells, repeated over the picture, is a sum of 840
waves between 6 and 24 cycles a tile, at 512 px periods of 11 to 43 px, which H.264 keeps. 264 waves are a known pilot,
found by correlation at any scale and offset; the others carry the payload (see code). Every frame gets the same
pattern, weaker where the picture is smooth, so it cannot flicker and costs one addition a frame; a detector adds up
frames. After Cox, Kilian, Leighton, Shamoon 1997 (spread spectrum) and Kalker, Depovere, Haitsma, Maes 1999 (tiles).

Why not a library, as of November 2026: invisible-watermark (MIT) installs torch, takes 300 ms for a 1080p frame by its
own account and does not survive scaling; blind-watermark (MIT) needs the original's size and the place of a crop to
read anything, and its users report that it does not survive H.264; blind-video-watermark (MIT) hides a picture, not a
number; TrustMark (MIT) needs torch and downloads its networks, as do VideoSeal and RivaGAN.
"""

from sonic.provenance.watermark.embed import Watermark, content_id_of
from sonic.provenance.watermark.known import CERTAIN, presence
from sonic.provenance.watermark.search import Found, detect, detect_video

__all__ = ["CERTAIN", "Found", "Watermark", "content_id_of", "detect", "detect_video", "presence"]
