"""The AIGC metadata of files, of ours and others': in MP4, MOV, MKV, WebM and MP3 as a tag, in pictures as XMP or text.

Places after TC260-PG-20257A as others report it: ``moov.udta.meta``, a Matroska tag, ID3v2 TXXX, and XMP
``TC260:AIGC``. WAV (a RIFF chunk of its own) and FLV are not read.
"""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

from sonic.media.container import container_tags, read_file
from sonic.media.photo import MAX_PHOTO_BYTES
from sonic.media.pillow import open_picture, reading
from sonic.verification.findings import Tag, text

KEY = "AIGC"
FIELDS = (
    "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
)  # fmt: skip
TAGGED = ("MP4", "WebM", "MP3", "FLAC", "OGG")
"""Kinds of file whose tags are read, as media.sniff names them."""
PICTURES = {"JPEG": "JPEG", "PNG": "PNG", "WebP picture": "WEBP", "TIFF": "TIFF"}
"""Kinds of picture whose XMP is read -> Pillow's names."""
_MAX_CHARACTERS = 65_536
_XMP = re.compile(r"<TC260:AIGC>(.*?)</TC260:AIGC>|\bTC260:AIGC\s*=\s*\"([^\"]*)\"|\bTC260:AIGC\s*=\s*'([^']*)'", re.S)


def read_tag(path: Path, kind: str) -> Tag | None:
    """The AIGC metadata of a file of this kind; None if it has none. Raises MediaError for a damaged file."""
    if kind in TAGGED:
        return _tag("tag of the file", _chosen(container_tags(path)))
    if kind in PICTURES:
        return _in_picture(path, PICTURES[kind])
    return None


def parsed(value: str) -> dict[str, str]:
    """The fields of Annex E in this JSON, cleaned; empty if it is none."""
    try:
        fields = json.loads(value[:_MAX_CHARACTERS])
    except (ValueError, RecursionError):
        return {}
    if isinstance(fields, dict) and isinstance(fields.get(KEY), dict):
        fields = fields[KEY]  # some tools wrap it
    if not isinstance(fields, dict):
        return {}
    return {name: text(str(fields[name])) for name in FIELDS if isinstance(fields.get(name), str | int)}


def _chosen(tags: Mapping[str, str]) -> str | None:
    """The tag whose name says AIGC, whatever stands before it."""
    return next((value for name, value in tags.items() if KEY in name.upper()), None)


def _in_picture(path: Path, format_name: str) -> Tag | None:
    data = read_file(path, MAX_PHOTO_BYTES, "picture")
    with reading(path.name), open_picture(data, format_name, path.name) as image:  # no pixel is decoded
        info = dict(image.info)
    texts = {str(name): value for name, value in info.items() if isinstance(value, str)}
    if tag := _tag("text of the picture", _chosen(texts)):
        return tag
    xmp = info.get("xmp") or texts.get("XML:com.adobe.xmp") or ""
    packet = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)
    match = _XMP.search(packet[: 16 * _MAX_CHARACTERS])
    return _tag("XMP of the picture", html.unescape(next(filter(None, match.groups()), "")) if match else None)


def _tag(place: str, value: str | None) -> Tag | None:
    return None if value is None else Tag(place, parsed(value))
