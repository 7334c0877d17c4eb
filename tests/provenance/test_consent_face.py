"""A consent is for one person's face: in a group photo nobody else is animated on it."""

import dataclasses
import hashlib
import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image

import sonic
from sonic import demo
from sonic.apps.cli import main
from sonic.errors import ConsentError
from sonic.faces.portrait import find_face
from sonic.media.photo import load_photo
from sonic.provenance.consent import Consent, revocation, store
from sonic.provenance.consent.check import authorise, problems, still_allowing
from sonic.provenance.consent.face import ShownFace, as_shares
from sonic.provenance.policy import Policy
from sonic.provenance.signer import identity
from sonic.settings import Settings
from sonic.types import U8, Photo

HOPPER = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
TODAY = date.today()
SMALL = Settings(min_resolution=160, duration=0.2, inference_steps=1, fps=Fraction(15))


def of(rgb: U8, name: str = "group.png") -> Photo:
    return Photo(np.ascontiguousarray(rgb), hashlib.sha256(rgb.tobytes()).hexdigest(), name)


def shares(face_px: int) -> tuple[tuple[float, float, float, float], ...]:
    """Where two faces of this height lie in a scene of 3600x2400 px, known without looking for them."""
    wide = 0.8 * face_px
    return tuple(
        (x / 3600, 900 / 2400, (x + wide) / 3600, (900 + face_px) / 2400) for x in (900, 2400)
    )  # fmt: skip


def scene(face_px: int, *faces: U8) -> U8:
    """A large picture of blurred colours with these faces in it."""
    coarse = np.random.default_rng(7).integers(0, 256, (24, 36, 3), np.uint8)
    rgb = cv2.resize(coarse, (3600, 2400), interpolation=cv2.INTER_CUBIC)
    for face, (left, top, right, bottom) in zip(faces, shares(face_px), strict=True):
        x, y, x2, y2 = round(left * 3600), round(top * 2400), round(right * 3600), round(bottom * 2400)
        rgb[y:y2, x:x2] = cv2.resize(face, (x2 - x, y2 - y), interpolation=cv2.INTER_AREA)
    return np.asarray(rgb, np.uint8)


@pytest.fixture(scope="module")
def faces() -> tuple[U8, U8]:
    """Two faces alone, the demo's and a photographed one."""
    cut = []
    for path in (demo.PORTRAIT, HOPPER):
        photo = load_photo(path)
        left, top, right, bottom = (round(float(n)) for n in find_face(photo).box_px)
        cut.append(photo.rgb[top:bottom, left:right])
    return cut[0], cut[1]


def shown(box: tuple[float, float, float, float], *, alone: bool = False) -> ShownFace:
    return ShownFace(box, lambda: alone)


def given(photo: Photo, face: ShownFace | None, subject: str = "Ada Example", **changes: Any) -> Consent:
    bound = Consent(subject=subject, basis="self", given_on=TODAY, **changes).bound_to(photo, face=face)
    return bound.signed(identity())


def kinds(consent: Consent, photo: Photo, face: ShownFace) -> list[str]:
    return [p.kind for p in problems(consent, policy=Policy(), photo=photo, face=face)]


@pytest.mark.parametrize("face_px", [150, 240, 340])
def test_another_face_in_the_same_scene_is_not_covered(face_px: int, faces: tuple[U8, U8], home: Path) -> None:
    """The whole picture is alike enough: the face is some cells of it."""
    ada, bob = faces
    photo, (left, right) = of(scene(face_px, ada, bob)), shares(face_px)
    consent = given(photo, shown(left))
    assert kinds(consent, photo, shown(left)) == []
    assert kinds(consent, photo, shown(right)) == ["another face"], "the other person in the photo"
    forged = of(scene(face_px, bob, bob))
    assert kinds(consent, forged, shown(left)) in (["another face"], ["not matching"]), (
        "another head on these shoulders"
    )
    half = of(cv2.resize(photo.rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[20:-20, 10:-30])
    width, height = half.size_px
    moved = ((left[0] * 1800 - 10) / width, (left[1] * 1200 - 20) / height,
             (left[2] * 1800 - 10) / width, (left[3] * 1200 - 20) / height)  # fmt: skip
    assert kinds(consent, half, shown(moved)) == [], "a copy of the photo is one of the face"


def test_a_consent_without_a_face_holds_only_where_there_is_one_face(faces: tuple[U8, U8], home: Path) -> None:
    photo, (left, _) = of(scene(240, *faces)), shares(240)
    old = given(photo, None)
    assert json.loads(old.to_json())["consent"] == "sonic-consent/1" and "face_box" not in old.to_json()
    assert Consent.from_dict(json.loads(old.to_json())) == old and old.is_signed()
    assert kinds(old, photo, shown(left, alone=True)) == []
    assert kinds(old, photo, shown(left)) == ["another face"]


def test_a_face_is_part_of_what_is_signed(faces: tuple[U8, U8], home: Path) -> None:
    photo, (left, right) = of(scene(240, *faces)), shares(240)
    consent = given(photo, shown(left))
    values = json.loads(consent.to_json())
    assert values["consent"] == "sonic-consent/2" and Consent.from_dict(values) == consent
    moved = Consent.from_dict(values | {"face_box": list(right)})
    assert kinds(moved, photo, shown(right))[0] == "signature broken"
    for changes, words in (
        ({"face_box": None}, "must name a face"), ({"face_box": [0, 0, 1]}, "left, top, right, bottom"),
        ({"face_box": [0, 0, float("nan"), 1]}, "left, top"), ({"face_likeness": "x"}, "face_likeness"),
        ({"face_box": ["0", 0, 1, 1]}, "left, top"),
    ):  # fmt: skip
        with pytest.raises(ConsentError, match=words) as caught:
            Consent.from_dict(values | changes)
        assert "\n" not in str(caught.value)


def test_a_revocation_holds_for_the_face_whatever_it_is_called(faces: tuple[U8, U8], home: Path) -> None:
    photo, (left, right) = of(scene(240, *faces)), shares(240)
    ada = store.keep(given(photo, shown(left)))
    revocation.revoke(ada)
    rest: Any = {"language": None, "purpose": None, "policy": Policy(), "signer": identity()}
    with pytest.raises(ConsentError, match="revoked with an earlier one"):
        authorise(given(photo, shown(left), "A. Example"), photo, face=shown(left), **rest)
    assert authorise(given(photo, shown(right), "Bob"), photo, face=shown(right), **rest).subject == "Bob"


def test_what_still_allows_a_photo_is_known_after_a_revocation(faces: tuple[U8, U8], home: Path) -> None:
    photo, (left, right) = of(scene(240, *faces)), shares(240)
    smaller = of(cv2.resize(photo.rgb, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), "smaller.png")
    other_scene = of(np.ascontiguousarray(photo.rgb[:, ::-1]), "mirrored.png")
    ada = store.keep(given(photo, shown(left)))
    for _photo, face, name in (
        (photo, left, "A. Example"),
        (photo, None, "ada example"),
        (smaller, left, "Ada Example"),
    ):
        store.keep(given(_photo, face and shown(face), name))
    bob, eve = store.keep(given(photo, shown(right), "Bob")), store.keep(given(smaller, shown(right), "Eve"))
    unclear = store.keep(given(photo, None, "A. E."))
    store.keep(given(other_scene, shown(left), "Dora"))
    store.keep(given(photo, shown(right), "Late", expires_on=TODAY))
    revocation.revoke(ada)
    names = [one.subject for one in still_allowing(ada, Policy())]
    assert sorted(names) == ["A. E.", "Ada Example", "Bob", "Eve", "Late"], "same name or face: ended; the copy: named"
    for one in (bob, eve, unclear):
        revocation.revoke(one)
    assert sorted(one.subject for one in still_allowing(ada, Policy())) == ["Ada Example"]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of two people whom the finder of faces finds."""
    path = tmp_path_factory.mktemp("two") / "two.png"
    one, other = (Image.open(p).convert("RGB").resize((512, 600)) for p in (demo.PORTRAIT, HOPPER))
    both = Image.new("RGB", (1024, 600))
    both.paste(one, (0, 0))
    both.paste(other, (512, 0))
    both.save(path)
    return path


def test_several_faces_without_a_choice_are_refused_when_consent_is_given(
    two: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["consent", "new", str(two), "--subject", "Ada", "--basis", "self", "--confirmed", "-o", "ada.json"]
    assert main(words) == 4
    assert "photo has 2 faces; choose one with --face" in capsys.readouterr().err and not Path("ada.json").exists()
    assert main([*words, "--face", "1"]) == 0
    assert main(["consent", "check", "ada.json", str(two), "--face", "1"]) == 0
    assert main(["consent", "check", "ada.json", str(two), "--face", "2"]) == 5
    capsys.readouterr()
    speech = str(demo.SPEECH)
    small = ["--min-resolution", "160", "--duration", "0.2", "--inference-steps", "1", "-q"]
    make = ["generate", str(two), speech, "-o", "out.mp4", "--consent", "ada.json", *small]
    assert main([*make, "--face", "2"]) == 5
    assert "is for another face" in capsys.readouterr().err and not Path("out.mp4").exists()
    assert main([*make, "--face", "1"]) == 0


def test_what_a_program_states_is_bound_to_the_face_that_is_animated(two: Path, home: Path, tmp_path: Path) -> None:
    stated = Consent(subject="Ada Example", basis="self", given_on=TODAY)
    sonic.generate(two, demo.SPEECH, tmp_path / "a.mp4", consent=stated, settings=SMALL.replace(face=1))
    (kept,) = store.kept()
    face = find_face(load_photo(two), 1)
    assert kept.face_box == pytest.approx(as_shares(face.box_px, load_photo(two)), abs=0.02)
    with pytest.raises(ConsentError, match="another face"):
        sonic.generate(two, demo.SPEECH, tmp_path / "b.mp4", consent=kept, settings=SMALL.replace(face=2))
    assert dataclasses.replace(kept, signature=None).face_box == kept.face_box
