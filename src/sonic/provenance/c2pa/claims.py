"""What a video's Content Credentials say, as the definition that the C2PA library signs.

    c2pa.actions            created (a composite of real media and a trained model's work, or all synthetic), the two
                            inputs placed, the face moved by the engine, the visible label, the watermark
    c2pa.ai-disclosure      the kind and the name of the model (C2PA 2.4)
    cawg.training-mining    no training and no mining: the consent is for this video
    c2pa.soft-binding       the content id that the watermark carries
    org.sonic-talk.made     {"produce_id", "record_sha256", "log_head", "engine", "weights": [{"name", "sha256"}],
                            "photo": {"sha256"}, "speech": {"sha256"}, "read_back": {"label", "watermark"}}
    org.sonic-talk.consent  {"sha256", "basis", "given_on", "expires_on", "languages", "purposes"}

Nobody is named and no file is: hashes lead to the record beside the video and to the consent file, for those who have
them. record_sha256 is the one of the AIGC metadata's ReservedCode1; a consent's sha256 is over its whole file as
canonical JSON (sorted names, no spaces, ASCII) with its signature, so that nobody can guess what it was made from.
"""

from typing import Any

from sonic.hashing import sha256_of
from sonic.provenance.consent import Consent
from sonic.provenance.label import SUBTEXT, TEXT
from sonic.provenance.read_back import ReadBack
from sonic.provenance.record import Record, made_with

MADE = "org.sonic-talk.made"
CONSENT = "org.sonic-talk.consent"
DISCLOSURE = "c2pa.ai-disclosure"
TRAINING = "cawg.training-mining"
SOFT_BINDING = "c2pa.soft-binding"
WATERMARK_ALGORITHM = "org.sonic-talk.watermark.1"
"""Ours; it is in no public list, so nobody but Sonic can read it."""
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = SOURCES + "compositeWithTrainedAlgorithmicMedia"
SYNTHETIC = SOURCES + "trainedAlgorithmicMedia"
HASH_ID = "sha256:"
"""The instance id of an ingredient is this and the SHA-256 of its file."""
NOT_FOR = ("cawg.ai_generative_training", "cawg.ai_training", "cawg.data_mining")
"""Uses that no video allows. Inference stays open: detectors of generated video must be able to look at it."""


def definition(record: Record, title: str, marks: ReadBack) -> dict[str, Any]:
    """The manifest definition of the video of this record; its two ingredients are added from their files."""
    assertions = {
        "c2pa.actions": {"actions": _actions(record), "allActionsIncluded": True},
        DISCLOSURE: _disclosure(record),
        TRAINING: {"entries": {use: {"use": "notAllowed"} for use in NOT_FOR}},
        MADE: _made(record) | {"read_back": marks.to_dict()},
        CONSENT: _consent(record.consent),
        SOFT_BINDING: {"alg": WATERMARK_ALGORITHM, "blocks": [{"scope": {}, "value": record.watermark}]},
    }
    return {
        "claim_generator_info": [_software("Sonic")],
        "format": "video/mp4",
        "title": title,
        "assertions": [{"label": label, "data": data, "created": True} for label, data in assertions.items()],
    }


def ingredient(label: str, kind: str, sha256: str) -> dict[str, Any]:
    """The definition of one input, ``label`` photo or speech, a file of this ``kind``. Its id is its hash."""
    return {
        "label": label,
        "title": f"{label} ({kind})",  # not the file's name: it is often the name of a person
        "relationship": "componentOf",
        "instance_id": HASH_ID + sha256,
    }


def consent_sha256(consent: Consent) -> str:
    """What CONSENT says of it: SHA-256 of the consent's file as canonical JSON, with its signature."""
    return sha256_of(consent.to_dict())


def _actions(record: Record) -> list[dict[str, Any]]:
    synthetic = record.consent.basis == "synthetic"
    return [
        {
            "action": "c2pa.created",
            "when": record.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "digitalSourceType": SYNTHETIC if synthetic else COMPOSITE,
            "softwareAgent": _software("Sonic"),
            "description": "One portrait was made to speak one recording.",
        },
        {"action": "c2pa.placed", "parameters": {"ingredientIds": ["photo"]}},
        {"action": "c2pa.placed", "parameters": {"ingredientIds": ["speech"]}},
        {
            "action": "c2pa.edited",
            "digitalSourceType": SYNTHETIC,
            "softwareAgent": _software(_engine(record)),
            "description": "A trained model moves the face to the recording.",
        },
        {"action": "c2pa.addedText", "description": f"The visible label: {TEXT} {SUBTEXT}"},
        {"action": "c2pa.watermarked.bound", "description": "An invisible content id in every frame."},
    ]


def _disclosure(record: Record) -> dict[str, Any]:
    name, version = made_with().values()
    return {
        "modelType": "c2pa.types.model",  # several models in several formats: the type for what has no type of its own
        "modelName": _engine(record),
        "modelIdentifier": f"pkg:pypi/{name}@{version}#{record.settings.engine}",
        "contentProfile": {
            "humanOversightLevel": "prompt_guided"
        },  # a person chose the inputs; nobody approved a result
    }


def _made(record: Record) -> dict[str, Any]:
    return {
        "produce_id": record.produce_id,
        "record_sha256": record.core_sha256(),
        "log_head": record.log_head,
        "engine": record.settings.engine,
        "weights": [{"name": name, "sha256": sha256} for name, sha256 in sorted(record.weights.items())],
        "photo": {"sha256": record.photo_sha256},
        "speech": {"sha256": record.audio_sha256},
    }


def _consent(consent: Consent) -> dict[str, Any]:
    values = consent.to_dict()
    terms = ("basis", "given_on", "expires_on", "languages", "purposes")
    known = {name: values[name] for name in terms if values.get(name) is not None}
    return {"sha256": consent_sha256(consent)} | known


def _engine(record: Record) -> str:
    return f"Sonic engine {record.settings.engine}"


def _software(name: str) -> dict[str, str]:
    return {"name": name, "version": made_with()["version"]}
