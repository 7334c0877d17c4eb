"""Training's data handling: layouts, sentences, alignment, recipe, face fit. The networks: only where torch is
installed."""

import csv
from pathlib import Path

import av
import numpy as np
import pytest

from sonic.errors import SettingError
from sonic.facemesh import LIP_BOTTOM
from sonic.geometry import rotation_from_pose
from sonic.train import face, prepare
from sonic.train.align import align
from sonic.train.config import read_recipe
from sonic.train.phones import GRID_DICTIONARY, INDEX, IPA, PHONES, from_ipa, sentence_phones
from sonic.train.sound import SoundCache, Utterance, n_labels, write_cache
from sonic.weights import face_model


def write_clip(path: Path, *, seconds: float = 1.2, sound: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        for _ in range(int(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(int(seconds * 16000)) / 10, dtype=np.float32)[None] * np.float32(0.3)
            block = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            block.sample_rate = 16000
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("s1_bbaf2n", "bin blue at f two now"),
        ("swwzzs", ""),  # the grammar has no letter w, and z here is a letter: "set white with z zero soon"
        ("s30_video", ""),
        ("lgib8a", "lay green in b eight again"),
    ],
)
def test_a_grid_name_is_its_sentence(name: str, sentence: str) -> None:
    if name == "swwzzs":
        sentence = "set white with z zero soon"
    assert prepare.grid_sentence(name) == sentence


def test_every_grid_word_has_known_phones() -> None:
    assert len(GRID_DICTIONARY) == 51
    assert {p for phones in GRID_DICTIONARY.values() for p in phones} <= set(PHONES)
    assert sentence_phones("bin blue") == "B IH N | B L UW"


def test_ipa_becomes_arpabet() -> None:
    assert set(IPA.values()) <= set(PHONES)
    assert from_ipa("tʃ") == ("CH",)
    assert from_ipa("aː") == ("AA",)
    assert from_ipa("ʔ") == ()


def test_layouts(tmp_path: Path) -> None:
    for name in ("id1/video7/00001.mp4", "id1/video8/00001.mp4", "id2/video1/00001.MP4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "id1/video7/00001.txt").write_text("Text:  HELLO THERE\nConf: 3\n")
    found = prepare.find_clips(tmp_path)
    assert [s.speaker for s in found] == ["id1", "id1", "id2"]
    assert len({s.key for s in found}) == 3
    assert [s.text for s in found] == ["hello there", "", ""]


def test_a_table_names_the_speakers(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "clips.csv").write_text("file,speaker\na.mp4,anna\n")
    assert prepare.find_clips(tmp_path)[0].speaker == "anna"


def test_clips_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    write_clip(tmp_path / "in" / "mute.mp4", sound=False)
    write_clip(tmp_path / "in" / "short.mp4", seconds=0.4)
    (tmp_path / "in" / "broken.mp4").write_bytes(b"no video")
    counts = prepare.prepare(tmp_path / "in", tmp_path / "out")
    assert counts == {"rejected": 3}
    with (tmp_path / "out" / "clips.csv").open() as file:
        verdicts = {row["speaker"]: row["verdict"] for row in csv.DictReader(file)}
    assert verdicts["mute"] == "rejected: no sound"
    assert verdicts["short"] == "rejected: shorter than 1 s"
    assert "cannot be decoded" in verdicts["broken"]


@pytest.mark.slow
def test_a_clip_without_a_face_is_rejected(tmp_path: Path) -> None:
    write_clip(tmp_path / "wall.mp4")
    with pytest.raises(prepare.RejectedError, match="no face in 30 of 30 frames"):
        prepare.track_clip(tmp_path / "wall.mp4")


def test_alignment_finds_the_phones() -> None:
    truth = [0, 0, "B", "B", "IH", "IH", "IH", "N", 0, 0, "B", "L", "UW", "UW", 0]
    want = np.array([INDEX[p] if isinstance(p, str) else p for p in truth])
    posterior = np.full((len(want), len(PHONES)), 0.005, np.float32)
    posterior[np.arange(len(want)), want] = 0.8
    labels, score = align(np.log(posterior), "B IH N | B L UW")
    np.testing.assert_array_equal(labels, want)
    assert score == pytest.approx(np.log(0.8), abs=1e-5)


def test_too_many_phones_for_the_sound_have_no_path() -> None:
    posterior = np.log(np.full((3, len(PHONES)), 1 / len(PHONES), np.float32))
    assert align(posterior, "B IH N B L UW")[1] == -np.inf


def test_sound_cache_round_trip(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = []
    for i, n in enumerate((1000, 16000)):
        samples = rng.integers(-9, 9, n).astype(np.int16)
        made.append(Utterance(f"u{i}", "anna", "train", samples, "B IH", np.full(n_labels(n), i, np.uint8)))
    assert write_cache(iter(made), tmp_path) == 2
    cache = SoundCache(tmp_path)
    for i, want in enumerate(made):
        np.testing.assert_array_equal(cache[i].samples, want.samples)
        np.testing.assert_array_equal(cache[i].labels, want.labels)
        assert cache[i].key == want.key


def test_the_shipped_recipe_is_complete() -> None:
    recipe = read_recipe()
    assert recipe.held_out
    assert all(n > 0 for n in (*recipe.encoder.parts, recipe.teacher.steps, recipe.motion.steps))


def test_a_recipe_with_a_typo_names_it(tmp_path: Path) -> None:
    text = Path(prepare.__file__).with_name("recipe.toml").read_text().replace("window_s", "window_seconds")
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(SettingError, match="window_s, window_seconds"):
        read_recipe(tmp_path / "r.toml")


def talking(pose_deg: tuple[float, float, float] = (8.0, -5.0, 3.0)) -> tuple[np.ndarray, np.ndarray]:
    """(T, 478, 3) px of the model face that opens its mouth while its head turns, and the opening in mm."""
    model = face_model()
    opening = np.maximum(10 * np.sin(np.linspace(0, 12, 60)), 0)
    points = np.repeat(model.template[None].astype(np.float64), 60, axis=0)
    points[:, LIP_BOTTOM, 1] += opening
    turn = rotation_from_pose(np.linspace(0, 1, 60)[:, None] * np.array(pose_deg))
    posed = np.einsum("tij,tnj->tni", turn, points) * 0.8 + [160, 120, 0]
    return np.concatenate([posed, posed[:, :10]], 1).astype(np.float32), opening


def test_the_heads_pose_does_not_move_the_lips() -> None:
    points, opening = talking()
    clip = face.canonical_clip(points, face_model().template.astype(np.float64))
    assert clip is not None
    want = np.maximum(opening - face.DEAD_ZONE_MM, 0)
    assert np.corrcoef(clip.lip_gap, want)[0, 1] > 0.99
    assert (clip.lip_gap[opening == 0] == 0).mean() > 0.9
    assert clip.pose_deg[-1, 0] - clip.pose_deg[0, 0] == pytest.approx(8, abs=0.5)


def test_a_mouth_that_never_closes_has_no_neutral() -> None:
    points, _ = talking()
    points[:, LIP_BOTTOM, 1] += 8
    assert face.canonical_clip(points, face_model().template.astype(np.float64)) is None


def test_coefficients_reproduce_what_the_basis_can_show() -> None:
    basis = face_model().basis.astype(np.float64)
    shape = np.random.default_rng(0).standard_normal((7, 32))
    np.testing.assert_allclose(face.coefficients(np.tensordot(shape, basis, 1), basis), shape, atol=1e-3)


@pytest.mark.train
def test_networks_export_and_agree(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'sonic-talk[train]'")
    pytest.importorskip("onnx", reason="needs the train extra: pip install 'sonic-talk[train]'")
    import warnings

    from sonic.train.export import Hearing, check, export
    from sonic.train.motion import MotionModel
    from sonic.train.networks import Encoder

    torch.manual_seed(0)
    encoder = Encoder(channels=16, inner=16).eval()
    model = MotionModel(encoder.features(torch.zeros(1, 8, 80)).shape[-1], channels=16).eval()
    hearing = Hearing(encoder, model.condition).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecation notices
        export(hearing, model.denoiser, tmp_path)
    assert check(hearing, model.denoiser, tmp_path) < 1e-4


@pytest.mark.train
def test_augmentation_off_is_the_numpy_spectrogram() -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra: pip install 'sonic-talk[train]'")
    from sonic.mel import log_mel
    from sonic.train.augment import Augment

    sound = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * np.float32(0.1)
    got = Augment(0).clean(torch.from_numpy(sound)[None], torch.tensor([0.01]))[0].numpy()
    np.testing.assert_allclose(got[: len(sound) // 160 + 1], log_mel(sound, 0.01), atol=1e-3)
