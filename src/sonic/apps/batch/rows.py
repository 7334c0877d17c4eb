"""A row as it will be made: paths, consent and settings, and the key by which a later call knows it again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sonic import __version__
from sonic.apps.batch.inputs import MAX_TEXT_BYTES, Found, Inputs
from sonic.apps.batch.manifest import FIELDS, RawRow, language_of
from sonic.apps.batch.places import Place, place_of
from sonic.captions.draw import CaptionStyle, style_of
from sonic.captions.recogniser_weights import can_recognise
from sonic.errors import ConsentError, SettingError
from sonic.hashing import sha256_of
from sonic.pipeline.captioning import AUTO, CaptionRequest
from sonic.provenance.consent import BASES, Consent
from sonic.settings import Settings, settings_table
from sonic.settings.common import AUTO_LANGUAGE
from sonic.settings.platforms import platform
from sonic.settings.presets import preset

CONSENT_SUFFIX = ".consent.json"
COVER_SUFFIX = ".cover.jpg"
_UNKNOWN_SIDE_PX = 1080


@dataclass(frozen=True, slots=True)
class Row:
    """One video to be made."""

    number: int
    """Counted from 1, over the whole batch."""
    where: str
    portrait: Place
    speech: Place
    out: Place
    consent: Consent
    settings: Settings
    captions: Place | None = None
    """A text or subtitles that captions are made of."""
    recognise: bool = False
    """Whether captions are made of what is recognised in the recording; then there is no text."""
    style: CaptionStyle | None = None
    """How captions are drawn into the picture; None draws none."""
    weights: Path | None = None
    """Folder of what recognises them."""
    cover: Place | None = None
    """Cover picture of the row's platform, beside the video."""
    seconds: float = 0.0
    """Length of the recording as its file states it; 0 where it states none."""
    key: str = ""
    """What the video depends on, as one hash."""
    found: tuple[Found, ...] = ()
    """What the inputs were when the row was checked, in their order."""
    replaces: str = ""
    """The stamp of the earlier output that stands in a store under the name of this one."""

    def inputs(self) -> tuple[Place, ...]:
        """All files that are read."""
        return (self.portrait, self.speech, *((self.captions,) if self.captions else ()))

    def caption_request(self, source: Path | None) -> CaptionRequest | None:
        """What is wanted of captions, whose text lies at ``source`` on this machine."""
        wanted = self.captions is not None or self.recognise
        return CaptionRequest(source, self.style, self.weights) if wanted else None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a row has that does not say otherwise."""

    settings: Mapping[str, Any]
    consent: Consent | None
    out: Place
    """Folder of outputs that are not named."""
    captions: bool = False
    """Whether a text beside the recording, lesson.txt or lesson.srt, makes captions."""
    recognise: bool = False
    """Whether they are recognised where there is no such text."""
    weights: Path | None = None
    """Folder of what recognises them."""
    burn_in: bool = False
    karaoke: bool = False
    cover: bool = False
    font: str | None = None


def row_of(raw: RawRow, number: int, defaults: Defaults, inputs: Inputs) -> Row:
    """The row that was asked for. Raises SettingError and ConsentError in the words of whoever wrote it."""
    values = dict(raw.values)
    if raw.problem:
        raise SettingError(raw.problem)
    _refuse_unknown(values)
    portrait, speech = (_path(raw, values, name) for name in ("portrait", "speech"))
    if portrait is None or speech is None:
        raise SettingError("names no portrait or no speech; every row needs both")
    settings = _settings(values, defaults, speech)
    there = f"-{Path(settings.platform).stem}" if settings.platform else ""
    out = _path(raw, values, "out") or defaults.out / f"{portrait.stem}-{speech.stem}{there}.mp4"
    consent = _consent(raw, values, inputs) or defaults.consent or _consent_beside(portrait, inputs)
    if consent is None:
        raise ConsentError(f"says nothing of consent; add consent ({', '.join(BASES)} or a file), or give --consent")
    captions, recognise = _captions(raw, values, defaults, speech, inputs)
    return Row(
        number, raw.where, portrait, speech, out, consent, settings, captions=captions, recognise=recognise,
        style=_style(values, defaults), weights=defaults.weights, cover=_cover(values, defaults, settings, out),
    )  # fmt: skip


def key_of(row: Row) -> str:
    """The same for the same inputs, settings, grounds and version; the day on which it is asked does not matter."""
    consent = row.consent
    return sha256_of(
        {
            "version": __version__,
            "inputs": [one.sha256 for one in row.found],
            "settings": row.settings.to_dict() | ({"language": None} if row.settings.language == AUTO_LANGUAGE else {}),
            "consent": consent.id if consent.signature else [consent.subject, consent.basis, consent.evidence],
            "captions": _caption_key(row),
        }
        | ({"cover": True} if row.cover else {})
    )


def estimated_pixels(settings: Settings) -> float:
    """Of a picture of the video, as far as it is known before the photo is looked at."""
    short = settings.min_resolution or _UNKNOWN_SIDE_PX
    return short * short * (16 / 9 if settings.framing in ("9:16", "16:9", "full") else 1)


def _caption_key(row: Row) -> dict[str, Any] | None:
    if row.captions is None and not row.recognise:
        return None
    return {"recognised": row.recognise, "style": asdict(row.style) if row.style else None}


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in FIELDS and name not in settings_table():
            raise SettingError(f"has the field {name!r:.60}; fields are {', '.join(FIELDS)}, and every setting")


def _path(raw: RawRow, values: Mapping[str, Any], name: str) -> Place | None:
    value = values.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise SettingError(f"{name} is {value!r:.60}; write a path")
    return place_of(value, raw.base)


def _settings(values: Mapping[str, Any], defaults: Defaults, speech: Place) -> Settings:
    nested = values.get("settings") or {}
    if not isinstance(nested, Mapping):
        raise SettingError(f"settings is {nested!r:.60}; write an object of settings")
    own = {name: values[name] for name in settings_table() if name in values and name != "platform"}
    chosen: dict[str, Any] = dict(preset(str(values["preset"]))) if values.get("preset") else {}
    if values.get("platform"):
        chosen |= platform(str(values["platform"])).settings
    wanted = {**defaults.settings, **chosen, **nested, **own}
    if wanted.get("language") is None:
        wanted["language"] = language_of(speech) or (AUTO_LANGUAGE if can_recognise(defaults.weights) else None)
    return Settings().replace(**{name: _number(name, value) for name, value in wanted.items()})


def _number(name: str, value: Any) -> Any:
    """What a table's cell holds as the setting's own kind; what cannot be is told by Settings."""
    entry = settings_table().get(name)
    if entry is None or not isinstance(value, str) or entry.kind is str:
        return value
    try:
        return int(value) if entry.kind is int else value
    except ValueError:
        return value


def _consent(raw: RawRow, values: Mapping[str, Any], inputs: Inputs) -> Consent | None:
    given = values.get("consent")
    if given is None:
        return None
    stated = dict(given) if isinstance(given, Mapping) else {"basis": given}
    basis = stated.get("basis")
    if not isinstance(basis, str):
        raise ConsentError(f"consent is {given!r:.60}; write {', '.join(BASES)}, or a consent file")
    if basis not in BASES:
        return consent_at(place_of(basis, raw.base), inputs)
    subject, evidence = (stated.get(name) or values.get(name) for name in ("subject", "evidence"))
    return Consent(subject=subject or "", basis=basis, given_on=date.today(), evidence=evidence)


def consent_at(place: Place, inputs: Inputs) -> Consent:
    """The consent in a file. Raises ConsentError."""
    return Consent.from_file(inputs.path(place, MAX_TEXT_BYTES, ConsentError))


def _consent_beside(portrait: Place, inputs: Inputs) -> Consent | None:
    """The consent that `sonic consent new` wrote beside a photo."""
    place = portrait.with_name(f"{portrait.stem}{CONSENT_SUFFIX}")
    return consent_at(place, inputs) if inputs.is_there(place) else None


def _captions(
    raw: RawRow, values: Mapping[str, Any], defaults: Defaults, speech: Place, inputs: Inputs
) -> tuple[Place | None, bool]:
    """(the row's text, or the one beside its recording; whether they are recognised instead)."""
    if values.get("captions") == AUTO:
        return None, True
    source = _path(raw, values, "captions") or (_beside(speech, inputs) if defaults.captions else None)
    return source, source is None and defaults.recognise


def _cover(values: Mapping[str, Any], defaults: Defaults, settings: Settings, out: Place) -> Place | None:
    """Beside the video, where a cover is wanted. Raises SettingError without a platform, whose size it would have."""
    if not _truth("cover", values.get("cover", defaults.cover)):
        return None
    if settings.platform is None:
        raise SettingError("wants a cover, which has the size of a platform's; add platform")
    return out.with_suffix(COVER_SUFFIX)


def _style(values: Mapping[str, Any], defaults: Defaults) -> CaptionStyle | None:
    karaoke = _truth("karaoke", values.get("karaoke", defaults.karaoke))
    drawn = _truth("burn_in", values.get("burn_in", defaults.burn_in))
    return style_of(defaults.font, burn_in=drawn, karaoke=karaoke)


def _truth(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("yes", "true", "1", "no", "false", "0"):
        return str(value).lower() in ("yes", "true", "1")
    raise SettingError(f"{name} is {value!r:.60}; write true or false")


def _beside(speech: Place, inputs: Inputs) -> Place | None:
    """The text or subtitles that lie beside a recording."""
    found: Iterable[Place] = (speech.with_suffix(suffix) for suffix in (".srt", ".vtt", ".txt"))
    return next((path for path in found if inputs.is_there(path)), None)
