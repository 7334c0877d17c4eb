"""The face of a photo is found or the person hears why not, and no framing cuts it."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.cbook import get_sample_data

from sonic.errors import FaceError
from sonic.evaluation.photo import inspect_photo
from sonic.faces import topology
from sonic.faces.detect import face_height
from sonic.faces.framing import cut, frame_for
from sonic.faces.others import others_for
from sonic.faces.portrait import analyse_portrait, find_face
from sonic.media.photo import load_photo
from sonic.settings import Settings
from sonic.types import F32, U8, Face, Photo, Portrait

FRAMINGS = ("full", "face", "9:16", "16:9", "1:1")
ASPECTS = {"face": 1.0, "1:1": 1.0, "9:16": 9 / 16, "16:9": 16 / 9}


def as_photo(rgb: U8) -> Photo:
    return Photo(np.ascontiguousarray(rgb), "0" * 64, "photo.png")


def scaled(rgb: U8, factor: float) -> U8:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=how), np.uint8)


@pytest.fixture(scope="module")
def hopper_path() -> Path:
    return Path(get_sample_data("grace_hopper.jpg", asfileobj=False))


@pytest.fixture(scope="module")
def hopper(hopper_path: Path) -> Photo:
    return load_photo(hopper_path)


@pytest.fixture(scope="module")
def face(hopper: Photo) -> Face:
    return find_face(hopper)


def centre_of(face: Face) -> tuple[float, float]:
    left, top, right, bottom = face.box_px
    return (left + right) / 2, (top + bottom) / 2


# Finding


def test_a_face_is_found_and_measured(face: Face) -> None:
    np.testing.assert_allclose(centre_of(face), (260, 232), atol=8)
    assert 70 < face.quality.eye_distance_px < 95
    assert face.quality.mouth_gap < 0.035
    assert face.quality.sharpness > 0.8
    assert np.abs(face.pose_deg).max() < 20
    nose, eyes = face.points_px[1], face.points_px[[33, 263]].mean(0)
    assert nose[2] < eyes[2]  # the nose is nearer


@pytest.mark.parametrize("scale", [0.3, 0.7, 4.0])
def test_the_size_of_the_photo_does_not_matter(hopper: Photo, face: Face, scale: float) -> None:
    other = find_face(as_photo(scaled(hopper.rgb, scale)))
    expected = (face.points_px[:, :2] + 0.5) * scale - 0.5
    difference = np.linalg.norm(other.points_px[:, :2] - expected, axis=1).mean()
    assert difference < 0.02 * scale * face_height(face.points_px)


@pytest.mark.parametrize(
    ("share", "at"), [(0.04, (0.6, 0.3)), (0.1, (0.05, 0.05)), (0.1, (0.9, 0.9)), (0.1, (0.6, 0.3)), (0.3, (0.9, 0.2))]
)
def test_a_small_face_in_a_large_picture_is_found(hopper: Photo, share: float, at: tuple[float, float]) -> None:
    picture = np.full((1800, 2400, 3), (120, 140, 130), np.uint8)
    small = scaled(hopper.rgb, share * 2400 / hopper.rgb.shape[1])
    top, left = (round(a * (p - s)) for a, p, s in zip(at[::-1], picture.shape, small.shape, strict=False))
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    try:
        x, y = centre_of(find_face(as_photo(picture)))
    except FaceError as error:
        assert share == 0.04
        assert "too small" in str(error)
    else:
        np.testing.assert_allclose((x - left, y - top), np.array((260, 232)) * share * 2400 / 512, rtol=0.08)


def test_a_face_that_fills_the_photo_is_found(hopper: Photo) -> None:
    tight = find_face(as_photo(hopper.rgb[110:345, 150:370]))
    np.testing.assert_allclose(centre_of(tight), (260 - 150, 232 - 110), atol=10)


def test_several_faces_must_be_chosen_from(hopper: Photo) -> None:
    both = as_photo(np.hstack([hopper.rgb, hopper.rgb[:, ::-1], hopper.rgb]))
    with pytest.raises(FaceError, match=r"photo has 3 faces; choose one with --face 1\.\.3, counted from the left"):
        find_face(both)
    places = [centre_of(find_face(both, number))[0] for number in (1, 2, 3)]
    np.testing.assert_allclose(places, (260, 512 + 252, 1024 + 260), atol=10)
    with pytest.raises(FaceError, match="photo has 3 faces, counted from the left; there is no face 4"):
        find_face(both, 4)


@pytest.mark.parametrize(("small", "large"), [(0.6, 1.6), (0.5, 1.0)])
def test_a_face_beside_a_larger_one_is_measured_as_if_alone(
    hopper: Photo, face: Face, small: float, large: float
) -> None:
    """Seen in the whole picture it may be measured wrong, a chin for a mouth; the close-up knows better."""
    beside, speaker = scaled(hopper.rgb, large), scaled(hopper.rgb, small)
    picture = np.full((beside.shape[0], beside.shape[1] + speaker.shape[1] + 20, 3), (120, 140, 130), np.uint8)
    top, left = (picture.shape[0] - speaker.shape[0]) // 3, 10
    picture[top : top + speaker.shape[0], left : left + speaker.shape[1]] = speaker
    picture[:, -beside.shape[1] :] = beside
    points = find_face(as_photo(picture), 1).points_px[:, :2]
    expected = face.points_px[:, :2] * small + (left, top)
    assert np.abs(points - expected).mean() < 0.03 * small * face_height(face.points_px)


def test_only_a_picture_of_several_people_has_others(hopper: Photo) -> None:
    assert analyse_portrait(hopper, Settings(), print).others is None
    both = as_photo(np.hstack([hopper.rgb, hopper.rgb]))
    first, second = (analyse_portrait(both, Settings(face=number), print) for number in (1, 2))
    assert first.others is not None and second.others is not None
    assert first.others.boxes_px == (second.face.box_px,)
    # the person does not reach into what is others', and nothing is everybody's
    assert not first.matte[first.others.still].any()
    assert (~first.others.still & ~second.others.still).mean() < 0.001


def test_the_only_face_may_be_chosen(hopper: Photo) -> None:
    assert find_face(hopper, 1).box_px == find_face(hopper).box_px
    with pytest.raises(FaceError, match="photo has 1 face, counted from the left; there is no face 2"):
        find_face(hopper, 2)


def test_faces_on_the_wall_do_not_count(hopper: Photo) -> None:
    rgb = hopper.rgb.copy()
    small = scaled(rgb, 0.2)
    rgb[: small.shape[0], : small.shape[1]] = small
    np.testing.assert_allclose(centre_of(find_face(as_photo(rgb))), (260, 232), atol=8)


@pytest.mark.parametrize(
    ("turns", "words"), [(1, "90° anticlockwise"), (2, "upside down"), (3, "on its side, 90° clockwise")]
)
def test_a_photo_on_its_side_is_told_so(hopper: Photo, turns: int, words: str) -> None:
    with pytest.raises(FaceError, match=words):
        find_face(as_photo(np.rot90(hopper.rgb, turns)))


def cut_at(hopper: Photo, face: Face, side: str, share: float) -> Photo:
    """The photo without this share of the face, and all beyond it, on that side."""
    left, top, right, bottom = face.box_px
    x, y = share * (right - left), share * (bottom - top)
    return as_photo(
        {
            "left": hopper.rgb[:, int(left + x) :],
            "right": hopper.rgb[:, : int(right - x)],
            "upper": hopper.rgb[int(top + y) :],
            "lower": hopper.rgb[: int(bottom - y)],
        }[side]
    )


@pytest.mark.parametrize("share", [0.4, 0.5])
@pytest.mark.parametrize("side", ["left", "right", "lower"])
def test_part_of_a_face_is_named_as_that(hopper: Photo, face: Face, side: str, share: float) -> None:
    """Found or not, half a face is neither a photo that lies on its side nor a mouth behind a hand."""
    with pytest.raises(FaceError, match=f"only part of a face, its {side} edge cuts off the rest; give a photo"):
        find_face(cut_at(hopper, face, side, share))


@pytest.mark.parametrize("side", ["left", "right", "upper", "lower"])
def test_a_face_that_lacks_no_eye_and_no_mouth_is_animated(hopper: Photo, face: Face, side: str) -> None:
    found = find_face(cut_at(hopper, face, side, 0.12))
    assert any("cut off by the edge" in line for line in found.quality.notices)


@pytest.mark.parametrize("degrees", [-25, 15, 40])
def test_a_leaning_head_is_measured(hopper: Photo, face: Face, degrees: float) -> None:
    around = cv2.getRotationMatrix2D((260, 232), -degrees, 1)
    rgb = cv2.warpAffine(hopper.rgb, around, hopper.size_px, borderMode=cv2.BORDER_REPLICATE)
    leaning = find_face(as_photo(np.asarray(rgb, np.uint8)))
    assert leaning.pose_deg[2] == pytest.approx(face.pose_deg[2] + degrees, abs=3)
    assert any("leans" in line for line in leaning.quality.notices) == (abs(degrees) > 30)


def no_faces() -> Iterator[tuple[str, U8]]:
    rng = np.random.default_rng(0)
    yield "grey", np.full((400, 600, 3), 128, np.uint8)
    yield "noise", rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)


@pytest.mark.parametrize(("name", "rgb"), list(no_faces()))
def test_no_face_is_an_error_with_a_remedy(name: str, rgb: U8) -> None:
    with pytest.raises(FaceError, match=r"no face that can be found; give a photo") as caught:
        find_face(as_photo(rgb))
    assert "\n" not in str(caught.value)


# Judging


def test_too_small_a_face_is_refused_and_a_small_one_noticed(hopper: Photo) -> None:
    with pytest.raises(FaceError, match=r"too small: 1\d px between the eyes, at least 20"):
        find_face(as_photo(scaled(hopper.rgb, 0.2)))
    assert any("face is small" in line for line in find_face(as_photo(scaled(hopper.rgb, 0.5))).quality.notices)


def test_a_blurred_face_is_noticed(hopper: Photo, face: Face) -> None:
    blurred = find_face(as_photo(np.asarray(cv2.GaussianBlur(hopper.rgb, (0, 0), 4), np.uint8)))
    assert blurred.quality.sharpness < 0.3
    assert any("blurred" in line for line in blurred.quality.notices)
    assert not any("blurred" in line for line in face.quality.notices)


def test_a_dark_face_is_noticed(hopper: Photo) -> None:
    assert any("dark" in line for line in find_face(as_photo(hopper.rgb // 5)).quality.notices)


def test_glasses_are_noticed(face: Face) -> None:
    assert any("glasses" in line for line in face.quality.notices)


def test_a_covered_mouth_is_noticed(hopper: Photo, face: Face) -> None:
    rgb = hopper.rgb.copy()
    outline = face.points_px[[132, 361, 152, 148, 377, 172, 397, 5, 50, 280], :2]
    cv2.fillPoly(rgb, [cv2.convexHull(outline.astype(np.int32))], (150, 190, 220))
    assert any("covers the mouth" in line for line in find_face(as_photo(rgb)).quality.notices)
    assert not any("covers the mouth" in line for line in face.quality.notices)


def test_an_open_mouth_is_noticed(hopper: Photo, face: Face) -> None:
    """The lower face is moved down by a fifth of the eye distance, and the gap painted dark."""
    rgb, eyes_px = hopper.rgb, face.quality.eye_distance_px
    (x0, _), (x1, _) = face.points_px[[61, 291], :2]
    seam = float(face.points_px[[13, 14], 1].mean())
    grow = 0.2 * eyes_px
    x, y = np.meshgrid(np.arange(rgb.shape[1], dtype=np.float32), np.arange(rgb.shape[0], dtype=np.float32))
    gap = grow * np.clip(1 - ((x - (x0 + x1) / 2) / (0.46 * (x1 - x0))) ** 2, 0, 1).astype(np.float32)
    below = np.clip((y - seam) / np.maximum(gap, 1e-3), 0, 1)
    opened = cv2.remap(rgb, x, (y - gap * below).astype(np.float32), cv2.INTER_LINEAR)
    opened[(y > seam) & (y < seam + gap) & (gap > 1)] = (40, 15, 15)
    found = find_face(as_photo(np.asarray(opened, np.uint8)))
    assert found.quality.mouth_gap > 0.06
    assert any("mouth is open" in line for line in found.quality.notices)


def test_a_face_cut_by_the_edge_is_noticed(hopper: Photo) -> None:
    quality = find_face(as_photo(hopper.rgb[:290])).quality
    assert any("cut off" in line for line in quality.notices)


# Framing


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("min_resolution", [None, 128, 257, 720])
def test_the_portrait_is_what_was_asked_for(hopper: Photo, framing: str, min_resolution: int | None) -> None:
    portrait = analyse_portrait(hopper, Settings(framing=framing, min_resolution=min_resolution), print)
    width, height = portrait.size_px
    assert width % 2 == height % 2 == 0
    if framing in ASPECTS:
        assert width / height == pytest.approx(ASPECTS[framing], rel=0.01)
    if min_resolution:
        assert abs(min(width, height) - min_resolution) <= 1
    left, top, right, bottom = portrait.face.box_px
    assert 0 < left < right < width
    assert 0 < top < bottom < height
    assert portrait.matte.min() >= 0
    assert portrait.matte.max() <= 1


def test_the_full_photo_keeps_its_pixels(hopper: Photo) -> None:
    portrait = analyse_portrait(hopper, Settings(), print)
    np.testing.assert_array_equal(portrait.crop, hopper.rgb)
    np.testing.assert_allclose(portrait.crop_from_photo, [[1, 0, 0], [0, 1, 0]])
    odd = analyse_portrait(as_photo(hopper.rgb[:599, :511]), Settings(), print)
    np.testing.assert_array_equal(odd.crop, hopper.rgb[:598, :510])


def test_a_large_photo_is_scaled_to_1080(hopper: Photo) -> None:
    portrait = analyse_portrait(as_photo(scaled(hopper.rgb, 3)), Settings(), print)
    assert portrait.size_px == (1080, 1266)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_landmarks_and_affine_agree_with_the_picture(hopper: Photo, face: Face, framing: str) -> None:
    """Found anew in the crop, the face is where the affine says."""
    portrait = analyse_portrait(hopper, Settings(framing=framing, min_resolution=640), print)
    again = find_face(as_photo(portrait.crop))
    scale = portrait.crop_from_photo[0, 0]
    difference = np.linalg.norm(again.points_px[:, :2] - portrait.face.points_px[:, :2], axis=1).mean()
    assert difference < 0.02 * scale * face_height(face.points_px)
    mapped = face.points_px[:, :2] @ portrait.crop_from_photo[:, :2].T + portrait.crop_from_photo[:, 2]
    np.testing.assert_allclose(portrait.face.points_px[:, :2], mapped, atol=1e-2)
    np.testing.assert_allclose(portrait.face.points_px[:, 2], face.points_px[:, 2] * scale, atol=1e-2)


@pytest.fixture(scope="module")
def shape(face: Face) -> F32:
    """Landmarks of a face one high, around the origin."""
    points = face.points_px - face.points_px[[topology.FOREHEAD, topology.CHIN_TIP]].mean(0)
    return np.asarray(points / face_height(face.points_px), np.float32)


@settings(max_examples=150, deadline=None)
@given(
    size=st.tuples(st.integers(64, 1500), st.integers(64, 1500)),
    height=st.floats(0.05, 1.0),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    roll=st.floats(-50, 50),
    framing=st.sampled_from(FRAMINGS),
    expand_ratio=st.floats(0, 1),
    min_resolution=st.none() | st.integers(128, 2048),
)
def test_no_framing_cuts_the_face(shape, size, height, at, roll, framing, expand_ratio, min_resolution) -> None:
    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = shape.copy()
    points[:, :2] = points[:, :2] @ turn.T
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    points *= height * min(np.array(size) / (high - low))  # as large as fits, or smaller
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    points[:, :2] += np.array(at) * (np.array(size) - 1 - (high - low)).clip(0) - low
    photo = as_photo(np.zeros((size[1], size[0], 3), np.uint8))
    wish = Settings(framing=framing, expand_ratio=expand_ratio, min_resolution=min_resolution)
    frame = frame_for(photo, points, wish, lambda line: None)

    assert frame.size_px[0] % 2 == frame.size_px[1] % 2 == 0
    assert max(frame.size_px) <= 4096
    x, y = (points[:, :2] @ frame.crop_from_photo[:, :2].T + frame.crop_from_photo[:, 2]).T
    # Half a pixel at the edge, and the row that an even size may cost.
    slack = 1.5 + 1.5 * frame.crop_from_photo[0, 0]
    assert x.min() > -slack
    assert y.min() > -slack
    assert x.max() < frame.size_px[0] + slack
    assert y.max() < frame.size_px[1] + slack
    sx, sy = frame.crop_from_photo[0, 0], frame.crop_from_photo[1, 1]
    assert sx == pytest.approx(sy, rel=2.1 / min(*frame.size_px, frame.width, frame.height))


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(2, 300), st.integers(2, 300)),
    heights=st.lists(st.floats(4, 400), min_size=2, max_size=4),
    at=st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5)), min_size=4, max_size=4),
    seed=st.integers(0, 3),
)
def test_any_crowd_is_shared_out(shape, size, heights, at, seed) -> None:
    """Faces of all sizes, over one another and beyond the picture: the speaker's is never anybody else's."""
    rgb = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    faces = [shape * np.float32(h) for h in heights]
    for points, place in zip(faces, at, strict=False):
        points[:, :2] += np.array(place, np.float32) * size
    shared = others_for(rgb, np.ones(rgb.shape[:2], np.float32), faces[0], faces[1:])
    assert shared is not None
    assert shared.still.shape == rgb.shape[:2]
    assert 0 < shared.room <= 1
    oval = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(oval, [np.round(faces[0][list(topology.OVAL), :2]).astype(np.int32)], 1)
    assert not shared.still[oval > 0].any()


def test_room_grows_with_expand_ratio(hopper: Photo, face: Face) -> None:
    widths = [
        frame_for(hopper, face.points_px, Settings(framing="face", expand_ratio=e), print).width for e in (0, 0.1, 0.2)
    ]
    assert widths[0] < widths[1] < widths[2]
    assert widths[0] > face_height(face.points_px)


def test_a_frame_beyond_the_photo_is_filled_and_said(hopper: Photo) -> None:
    notices: list[str] = []
    tall = as_photo(hopper.rgb[60:420, 120:400])
    portrait = analyse_portrait(tall, Settings(framing="16:9"), notices.append)
    assert any("filled with a blur" in line for line in notices)
    assert portrait.size_px[1] == 360
    # The photo's own pixels are untouched, and its edge continues without a step.
    left = round(portrait.crop_from_photo[0, 2])
    np.testing.assert_array_equal(portrait.crop[:, left : left + 280], tall.rgb)
    step = np.abs(portrait.crop[:, left - 1].astype(int) - portrait.crop[:, left].astype(int))
    assert np.median(step) <= 3


def test_enlarging_much_is_noticed(hopper: Photo) -> None:
    notices: list[str] = []
    analyse_portrait(hopper, Settings(min_resolution=1024), notices.append)
    assert any("512 px of the photo are enlarged to 1024" in line for line in notices)


def test_large_photos_cost_no_copies(face: Face) -> None:
    """What is cut out is not more than what is shown."""
    photo = as_photo(np.zeros((600, 512, 3), np.uint8))
    frame = frame_for(photo, face.points_px, Settings(framing="face", min_resolution=256), print)
    assert cut(photo, frame).shape == (256, 256, 3)


# Matte


def test_the_matte_holds_the_person_and_not_the_background(hopper: Photo) -> None:
    portrait: Portrait = analyse_portrait(hopper, Settings(), print)
    matte = portrait.matte
    assert matte[240, 260] > 0.95  # nose
    assert matte[70, 260] > 0.8  # cap
    assert matte[550, 260] > 0.8  # jacket
    assert matte[40, 460] < 0.1  # wall
    assert matte[300, 40] < 0.2  # flag


# Inspection


def test_inspection_draws_and_tells(hopper_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "seen.png"
    seen = inspect_photo(hopper_path, out, Settings(framing="face"))
    assert seen.n_faces == 1
    assert seen.video_px is not None
    assert seen.video_px[0] == seen.video_px[1]
    assert "grace_hopper.jpg, 512x600 px" in seen.to_text()
    assert "glasses" in seen.to_text()
    assert seen.to_dict()["size_px"] == (512, 600)
    drawn = load_photo(out)
    assert drawn.size_px[0] > 900
    with pytest.raises(FaceError, match="no face"):
        inspect_photo(Path(get_sample_data("logo2.png", asfileobj=False)), out)


def test_inspection_numbers_several_faces(hopper: Photo, tmp_path: Path) -> None:
    path, out = tmp_path / "two.png", tmp_path / "seen.png"
    cv2.imwrite(str(path), cv2.cvtColor(np.hstack([hopper.rgb, hopper.rgb]), cv2.COLOR_RGB2BGR))
    seen = inspect_photo(path, out)
    assert seen.n_faces == 2
    assert seen.video_px is None
    assert "choose one with --face 1..2" in seen.notices[0]
    assert inspect_photo(path, out, Settings(face=2)).video_px == (1024, 600)
