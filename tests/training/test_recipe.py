"""Training's parts that need no PyTorch: phones, alignment, sound, recipe, workspace, face fit, scores."""

import re
from pathlib import Path

import numpy as np
import pytest

from sonic.errors import MediaError, SettingError
from sonic.faces.geometry import rotation_from_pose
from sonic.faces.model import face_model
from sonic.faces.projection import coefficients
from sonic.faces.topology import LIP_BOTTOM
from sonic.motion import MOUTH
from sonic.training import config, face
from sonic.training.align import align
from sonic.training.config import read_recipe
from sonic.training.phones import GRID_DICTIONARY, INDEX, IPA, PHONES, from_ipa, sentence_phones
from sonic.training.sound import SoundCache, Utterance, n_labels, spoken_utterances, write_cache
from sonic.training.workspace import Workspace, build, open_workspace


def test_every_grid_word_has_known_phones() -> None:
    assert len(GRID_DICTIONARY) == 51
    assert {p for phones in GRID_DICTIONARY.values() for p in phones} <= set(PHONES)
    assert sentence_phones("bin blue") == "B IH N | B L UW"


def test_ipa_becomes_arpabet() -> None:
    assert set(IPA.values()) <= set(PHONES)
    assert from_ipa("tʃ") == ("CH",)
    assert from_ipa("aː") == ("AA",)
    assert from_ipa("ʔ") == ()


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
    assert all(n > 0 for n in (*recipe.recogniser.parts, recipe.motion.steps))


def test_a_recipe_with_a_typo_names_it(tmp_path: Path) -> None:
    text = config.SHIPPED_RECIPE.read_text().replace("few_weight", "few_weigth")
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(SettingError, match="few_weight, few_weigth"):
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


def test_coefficients_find_the_shapes_of_a_face() -> None:
    shapes = face_model().shapes[MOUTH].astype(np.float64)
    weights = np.maximum(np.random.default_rng(0).normal(-0.3, 0.5, (40, len(shapes))), 0)
    moved = np.tensordot(weights, shapes, 1)
    found = coefficients(moved, shapes)
    assert (found >= 0).all()
    error = np.sqrt(((np.tensordot(found, shapes, 1) - moved)[..., :2] ** 2).sum(-1).mean())
    assert error < 0.1 * np.sqrt((moved[..., :2] ** 2).sum(-1).mean())
    assert np.abs(found - weights).mean() < 0.1


def test_what_no_shape_shows_is_not_forced_into_one() -> None:
    shapes = face_model().shapes[MOUTH].astype(np.float64)
    assert not coefficients(-shapes[[0]], shapes)[0, 0]
    assert coefficients(np.zeros((3, 468, 3)), shapes).max() == 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("batch", text) for text in ('"many"', "0", "2.5", "true")),
        *(("learning_rate", text) for text in ('"low"', "nan", "-1.0")),
        *(("parts", text) for text in ("3", "[]", '["a"]', "[5, 0]")),
        ("window", "-64"),
    ],
)
def test_a_recipe_with_a_wrong_value_names_it(name: str, wrong: str, tmp_path: Path) -> None:
    text = re.sub(rf"^{name} = .*$", f"{name} = {wrong}", config.SHIPPED_RECIPE.read_text(), flags=re.MULTILINE)
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(SettingError, match=rf"recipe: {name} in \[\w+\] is"):
        read_recipe(tmp_path / "r.toml")


def test_a_recipe_whose_speakers_are_no_list_says_so(tmp_path: Path) -> None:
    text = re.sub(r"held_out = \[.*?\]", 'held_out = "s1"', config.SHIPPED_RECIPE.read_text(), flags=re.DOTALL)
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(SettingError, match="held_out in the top level is 's1'"):
        read_recipe(tmp_path / "r.toml")


def test_a_workspace_keeps_the_recipe_that_it_began_with(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(re.sub(r"voices = \d+", "voices = 7", config.SHIPPED_RECIPE.read_text()))
    assert open_workspace(tmp_path / "work", other).recipe().voices == 7
    assert open_workspace(tmp_path / "work").recipe().voices == 7
    with pytest.raises(SettingError, match="begun with another recipe"):
        open_workspace(tmp_path / "work", config.SHIPPED_RECIPE)


def test_a_folder_that_was_never_prepared_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="sonic train prepare"):
        Workspace(tmp_path).recipe()


def test_a_result_is_made_anew_only_when_its_origin_changes(tmp_path: Path) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "x").write_text("done")

    folder = tmp_path / "step"
    assert [build(folder, origin, make) for origin in ("a", "a", "b")] == [True, False, True]
    assert (folder / "x").read_text() == "done"
    assert len(made) == 2

    def fail(folder: Path) -> None:
        raise OSError

    with pytest.raises(OSError):
        build(folder, "c", fail)
    assert build(folder, "b", fail) is False


def test_recordings_without_a_table_or_a_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"utterances\.tsv is missing"):
        list(spoken_utterances(tmp_path, 10))
    (tmp_path / "utterances.tsv").write_text("file\tspeaker\tsplit\na.wav\tanna\ttrain\n")
    with pytest.raises(MediaError, match="lacks phones"):
        list(spoken_utterances(tmp_path, 10))
    (tmp_path / "utterances.tsv").write_text("file\tspeaker\tsplit\tphones\na.wav\tanna\ttrain\tB IH1 N\n")
    with pytest.raises(MediaError, match=r"a\.wav is missing"):
        list(spoken_utterances(tmp_path, 10))
