"""Nobody is animated without recorded grounds, and the grounds fit this photo, today."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sonic.errors import ConsentError
from sonic.provenance.consent import BASES, Consent
from sonic.types import Photo

TODAY = date(2026, 5, 31)
PHOTO = Photo(np.zeros((8, 8, 3), np.uint8), "ab" * 32, "ada.png")


def consent(**changes: Any) -> Consent:
    return Consent(**({"subject": "Ada Example", "basis": "self", "given_on": date(2026, 5, 1)} | changes))


def test_subject_basis_and_day_have_no_default() -> None:
    for missing in ("subject", "basis", "given_on"):
        values = {"subject": "Ada", "basis": "self", "given_on": TODAY}
        del values[missing]
        with pytest.raises(TypeError, match=missing):
            Consent(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_is_accepted_with_evidence(basis: str) -> None:
    assert consent(basis=basis, evidence="release form 17").bound_to(PHOTO, TODAY).photo_sha256 == PHOTO.sha256


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": "  "}, r'--subject "'),
        ({"subject": "Ada\nExample"}, "one line"),
        ({"subject": "A" * 501}, "500"),
        ({"basis": "yes"}, "self, written, licensed, synthetic"),
        ({"basis": "written"}, "--evidence"),
        ({"basis": "licensed", "evidence": "  "}, "--evidence"),
        ({"photo_sha256": "xyz"}, "64 hexadecimal"),
        ({"expires_on": date(2026, 4, 1)}, "before it was given"),
    ],
)
def test_impossible_consents_are_refused_in_one_line_with_the_remedy(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConsentError, match=words) as caught:
        consent(**changes)
    assert "\n" not in str(caught.value)


def test_it_holds_on_its_last_day_and_not_after() -> None:
    ending = consent(expires_on=TODAY)
    assert ending.bound_to(PHOTO, TODAY).expires_on == TODAY
    with pytest.raises(ConsentError, match="expired on 2026-05-31"):
        ending.bound_to(PHOTO, date(2026, 6, 1))


def test_it_does_not_hold_before_it_is_given() -> None:
    with pytest.raises(ConsentError, match="after today"):
        consent().bound_to(PHOTO, date(2026, 4, 30))


def test_it_holds_for_its_own_photo_only() -> None:
    assert consent(photo_sha256=PHOTO.sha256).bound_to(PHOTO, TODAY).photo_sha256 == PHOTO.sha256
    with pytest.raises(ConsentError, match=r"cdcdcdcdcdcd\.\.\., but 'ada\.png' has abababababab"):
        consent(photo_sha256="cd" * 32).bound_to(PHOTO, TODAY)


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    grounds = consent(subject="阿达 Ἀδα", basis="written", evidence="scan.pdf", expires_on=date(2027, 1, 1))
    grounds.save(tmp_path / "consent.json")
    assert Consent.from_file(tmp_path / "consent.json") == grounds


def test_a_hand_written_file_needs_three_fields_only(tmp_path: Path) -> None:
    path = tmp_path / "consent.json"
    path.write_text('{"subject": "Ada", "basis": "self", "given_on": "2026-05-01"}')
    assert Consent.from_file(path) == consent(subject="Ada")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("self", "not JSON"),
        ("[" * 50_000, "not JSON"),
        ('"self"', "JSON object"),
        ('{"subject": "Ada", "basis": "self"}', "lacks given_on"),
        ('{"subject": null, "basis": "self", "given_on": "2026-05-01"}', "lacks subject"),
        ('{"subject": "Ada", "basis": "self", "given_on": "May"}', "2026-05-31"),
        ('{"subject": "Ada", "basis": "self", "given_on": 20260501}', "must be a text"),
        ('{"subject": "Ada", "basis": "self", "given_on": "2026-05-01", "until": "2027"}', "unknown fields until"),
        (" " * 70_000, "larger than"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "consent.json"
    path.write_text(text)
    with pytest.raises(ConsentError, match=words) as caught:
        Consent.from_file(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="give self, written, licensed, synthetic, or a consent file"):
        Consent.from_file(tmp_path / "no.json")
    with pytest.raises(ConsentError, match="cannot be written"):
        consent().save(tmp_path / "no" / "consent.json")


def test_its_dict_is_plain_json() -> None:
    assert json.loads(json.dumps(consent().to_dict()))["given_on"] == "2026-05-01"
