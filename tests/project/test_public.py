"""The public names: if this test fails, a user's program breaks. Removing one needs a CHANGELOG entry."""

import pytest

import sonic

PUBLIC = [
    "Cancelled",
    "Consent",
    "ConsentError",
    "Delivered",
    "FaceError",
    "Frame",
    "InstallError",
    "Job",
    "MediaError",
    "Motion",
    "OutputError",
    "PhotoError",
    "Progress",
    "Result",
    "Session",
    "SettingError",
    "Settings",
    "SonicError",
    "SpeechError",
    "Verification",
    "generate",
    "stream",
    "verify",
]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(sonic, name).__doc__


def test_all_lists_exactly_the_public_names() -> None:
    assert sorted(sonic.__all__) == PUBLIC


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="face_swap"):
        _ = sonic.face_swap
