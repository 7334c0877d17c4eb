"""The AIGC metadata inside a video (GB 45438-2025): who produced it, and which record it belongs to."""

import json
import os

from sonic.errors import SettingError
from sonic.provenance.policy import Policy, is_producer

PRODUCER_VARIABLE = "SONIC_CONTENT_PRODUCER"
"""Environment variable: ContentProducer of the AIGC metadata, for instance a registered provider's code."""
DEFAULT_PRODUCER = "Sonic"


def aigc_json(producer: str, produce_id: str, reserved: str = "") -> str:
    """The AIGC object for a video made by ``producer``: Label "1" says that it is AI-generated.

    The propagator's fields are empty: whoever publishes the video fills them.
    """
    fields = {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": produce_id,
        "ReservedCode1": reserved,
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return json.dumps(fields, separators=(",", ":"))


def content_producer(policy: Policy) -> str:
    """The producer that the policy requires, else PRODUCER_VARIABLE, else DEFAULT_PRODUCER.

    Raises SettingError unless it is 1 to 64 printable ASCII characters without spaces, or where the variable says
    another one than the policy.
    """
    given = os.environ.get(PRODUCER_VARIABLE)
    if policy.producer is not None and given not in (None, policy.producer):
        raise SettingError(
            f"{PRODUCER_VARIABLE} is {given!r}; the policy {policy.source} requires {policy.producer}: unset it"
        )
    producer = policy.producer or (DEFAULT_PRODUCER if given is None else given)
    if not is_producer(producer):
        raise SettingError(
            f"{PRODUCER_VARIABLE} is {producer!r}; it must be 1 to 64 printable ASCII characters without spaces"
        )
    return producer
