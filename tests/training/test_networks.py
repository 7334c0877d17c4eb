"""Training from end to end on a tiny made-up corpus: it learns, resumes as if never stopped, exports what it learnt.

Needs the extra ``train``.
"""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sonic.errors import SettingError, SonicError

REASON = "needs the train extra: pip install 'sonic-talk[train]'"
torch = pytest.importorskip("torch", reason=REASON)
pytest.importorskip("onnx", reason=REASON)

from sonic.faces.geometry import rotation_from_pose  # noqa: E402
from sonic.faces.model import face_model  # noqa: E402
from sonic.motion import N_SHAPE, shape_column  # noqa: E402
from sonic.training.clips import grid_sentence  # noqa: E402
from sonic.training.curves import Curves  # noqa: E402
from sonic.training.distort import distorted  # noqa: E402
from sonic.training.evaluate import evaluate, table  # noqa: E402
from sonic.training.export import check, export, load, write_onnx  # noqa: E402
from sonic.training.hear import Heard, hear  # noqa: E402
from sonic.training.loop import Plan, pick_device, train  # noqa: E402
from sonic.training.motion import train_motion  # noqa: E402
from sonic.training.noises import noises  # noqa: E402
from sonic.training.phones import PHONES, sentence_phones  # noqa: E402
from sonic.training.prepare import derive  # noqa: E402
from sonic.training.recogniser import train_recogniser  # noqa: E402
from sonic.training.shards import ShardWriter  # noqa: E402
from sonic.training.sound import Utterance, n_labels, write_cache  # noqa: E402
from sonic.training.tracks import COLUMNS, FIELDS  # noqa: E402
from sonic.training.workspace import Workspace, build, open_workspace  # noqa: E402
from sonic.types import Observer  # noqa: E402

pytestmark = pytest.mark.train
CPU = torch.device("cpu")
RECIPE = """
seed = 1
held_out = ["cleo"]
recordings = 1
voices = 0
noises = 2
takes = 2
[recogniser]
batch = 2
window = 40
learning_rate = 2.0e-3
weight_decay = 0.02
smoothing = 0.1
parts = [8, 4]
[expectation]
steps = 8
learning_rate = 1.0e-3
weight_decay = 0.05
feature_dropout = 0.1
[motion]
steps = 8
batch = 2
window = 32
learning_rate = 1.0e-3
noise_share = 0.2
few = 2
few_weight = 2.0
"""
SENTENCES = {"anna": ("bbaf2n", "lgib8a", "pwaz3s"), "bert": ("sriv4p", "bgan1a"), "cleo": ("lwbe5n",)}


def tone_of(phone: int, n: int) -> np.ndarray:
    """Every phone has its own pitch, silence none."""
    pitch = 150 * 1.06**phone if phone else 0.0
    return (0.2 * np.sign(np.sin(2 * np.pi * pitch * np.arange(n) / 16000))).astype(np.float32)


def spoken(labels: np.ndarray) -> np.ndarray:
    return np.concatenate([tone_of(int(label), 320) for label in labels])


def labels_of(stem: str) -> np.ndarray:
    phones = [PHONES.index(p) for p in sentence_phones(grid_sentence(stem)).replace("|", "SIL").split()]
    return np.pad(np.repeat(phones, 4), 12).astype(np.uint8)


def face_points(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 478, 3) px of a face that is shut in silence and moves as its phones say."""
    model, n = face_model(), len(labels) // 2
    moves = np.abs(np.random.default_rng(0).standard_normal((len(PHONES), N_SHAPE))) * 0.1
    moves[:, shape_column("jawOpen")] = 0.3
    moves[0] = 0
    shape = moves[labels[: 2 * n : 2]]
    shape = np.stack([np.convolve(column, np.ones(3) / 3, "same") for column in shape.T], axis=1)
    points = model.template + model.displacement(shape.astype(np.float32))
    turn = rotation_from_pose(np.stack([np.linspace(0, angle, n) for angle in rng.uniform(-4, 4, 3)], axis=1))
    posed = np.einsum("tij,tnj->tni", turn, points.astype(np.float64)) * 0.8 + [160, 120, 0]
    return np.concatenate([posed, posed[:, :10]], axis=1)


def write_tracks(folder: Path) -> None:
    rng = np.random.default_rng(0)
    values = {"split": "train", "seconds": 1, "fps": 25, "lag_curve": "1 " * 15, "unit_px": 0.02}
    with ShardWriter(folder, COLUMNS, FIELDS) as store:
        for speaker, stems in SENTENCES.items():
            for stem in stems:
                labels = labels_of(stem)
                points = np.round(face_points(labels, rng) / 0.02).astype(np.int16)
                sound = (spoken(labels)[: 640 * len(points)] * 32767).astype(np.int16)
                key = f"{speaker}__grid_{stem}"
                row = {"key": key, "file": f"{key}.mpg", "speaker": speaker, "text": grid_sentence(stem)}
                store.append(row | values, {"points": points, "sound": sound})


def voices() -> Iterator[Utterance]:
    rng = np.random.default_rng(0)
    for i in range(6):
        labels = np.repeat(rng.integers(0, len(PHONES), 12), 5).astype(np.uint8)
        samples = (spoken(labels) * 32767).astype(np.int16)
        labels = np.append(labels, np.uint8(0))[: n_labels(len(samples))]
        order = labels[np.flatnonzero(np.diff(labels, prepend=255))]
        yield Utterance(f"voice{i}", "tones", "train", samples, " ".join(PHONES[p] for p in order if p), labels)


def prepared(root: Path) -> Workspace:
    (root / "recipe.toml").write_text(RECIPE)
    workspace = open_workspace(root / "work", root / "recipe.toml")
    write_tracks(workspace.tracks)
    derive(workspace, speech=None, observer=Observer())
    build(workspace.sound / "voices", "made up", lambda out: write_cache(voices(), out))
    hear(workspace, Observer())
    return workspace


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    torch.set_num_threads(1)
    workspace = prepared(tmp_path_factory.mktemp("train"))
    train_recogniser(workspace, CPU, Observer())
    train_motion(workspace, CPU, Observer())
    return workspace


def losses(folder: Path) -> list[str]:
    with (folder / "log.csv").open() as file:
        return [row["loss"] for row in csv.DictReader(file)]


def test_training_leaves_weights_curves_and_a_plot(trained: Workspace) -> None:
    for folder, weights in ((trained.recogniser, "recogniser.pt"), (trained.motion, "motion.pt")):
        assert (folder / weights).exists()
        assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
        assert len(losses(folder)) >= 1


def test_the_same_seed_gives_the_same_losses(trained: Workspace, tmp_path: Path) -> None:
    again = prepared(tmp_path)
    train_recogniser(again, CPU, Observer())
    assert losses(again.recogniser) == losses(trained.recogniser)
    train_motion(again, CPU, Observer())
    assert losses(again.motion) == losses(trained.motion)


def test_finished_training_is_not_repeated(trained: Workspace) -> None:
    before = (trained.motion / "state.pt").stat().st_mtime_ns
    notices: list[str] = []
    train_motion(trained, CPU, Observer(notice=notices.append))
    assert "motion: was trained before" in notices
    assert (trained.motion / "state.pt").stat().st_mtime_ns == before


def test_another_recipe_does_not_continue_a_training(trained: Workspace, tmp_path: Path) -> None:
    other = Workspace(Path(shutil.copytree(trained.root, tmp_path / "work")))
    other.recipe_file.write_text(RECIPE.replace("steps = 8", "steps = 9"))
    with pytest.raises(SettingError, match="another recipe or other data; delete that folder"):
        train_motion(other, CPU, Observer())
    other.recipe_file.write_text(RECIPE.replace("parts = [8, 4]", "parts = [9, 4]"))
    with pytest.raises(SettingError, match="another recipe or other data"):
        train_recogniser(other, CPU, Observer())


class Line:
    """y = 3 x, from noisy examples; stops itself after some steps."""

    columns: tuple[str, ...] = ("slope",)

    def __init__(self, stop_after: int = 999) -> None:
        torch.manual_seed(0)
        self.model = torch.nn.Linear(1, 1)
        self.seen: list[float] = []
        self._left = stop_after

    def seed(self, seed: int) -> None:
        self._rng = torch.Generator().manual_seed(seed)

    def loss(self) -> tuple[torch.Tensor, list[float]]:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        x = torch.randn(8, 1, generator=self._rng)
        loss = ((self.model(x) - 3 * x) ** 2).mean()
        self.seen.append(float(loss.detach()))
        return loss, [float(self.model.weight.detach())]


def plan() -> Plan:
    return Plan(
        name="line", seed=5, steps=60, learning_rate=0.5, weight_decay=0.0, warm_up=0.1, average=0.9,
        log_every=5, save_every=20,
    )  # fmt: skip


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole, first, second = Line(), Line(stop_after=47), Line()
    straight = train(
        whole, plan(), tmp_path / "a", curves=Curves(tmp_path / "a", "a", Line.columns), origin="x", observer=Observer()
    )
    curves = Curves(tmp_path / "b", "b", Line.columns)
    with pytest.raises(KeyboardInterrupt):
        train(first, plan(), tmp_path / "b", curves=curves, origin="x", observer=Observer())
    notices: list[str] = []
    resumed = train(second, plan(), tmp_path / "b", curves=curves, origin="x", observer=Observer(notice=notices.append))
    assert notices == ["line: resumes at step 40 of 60"]
    assert first.seen[:40] + second.seen == whole.seen
    assert torch.equal(straight.weight, resumed.weight)
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    assert straight.weight.item() == pytest.approx(3, abs=0.5)


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    line = Line()
    line.model.weight.data.fill_(float("nan"))
    with pytest.raises(SonicError, match="the loss is nan at step 1; lower its learning_rate"):
        train(line, plan(), tmp_path, curves=Curves(tmp_path, "a", Line.columns), origin="x", observer=Observer())
    assert not (tmp_path / "state.pt").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test finds missing")
def test_a_missing_gpu_is_one_line() -> None:
    assert pick_device("auto", 1).type == "cpu"
    with pytest.raises(SettingError, match="--device cpu"):
        pick_device("cuda", 1)


def test_export_agrees_and_is_evaluated(trained: Workspace, tmp_path: Path) -> None:
    digests, parity = export(trained, tmp_path / "weights")
    assert set(digests) == {"lips.onnx", "denoiser.onnx"}
    assert max(parity.hearing, parity.denoising, parity.motion) < 2e-4
    assert sorted(p.name for p in (tmp_path / "weights").iterdir()) == sorted(
        [*digests, "recogniser_log.csv", "expectation_log.csv", "motion_log.csv"]
    )
    scores = evaluate(
        trained, tmp_path / "weights", steps=4, seed=0, more=None, workers=1, device=CPU, observer=Observer()
    )
    assert {s.clip.partition("__")[0] for s in scores} == set(SENTENCES)  # each speaker is once left out
    assert np.isfinite([s.opening for s in scores]).all()
    assert "unseen speakers" in table(scores)


def test_an_export_that_differs_is_refused_and_leaves_nothing(trained: Workspace, tmp_path: Path) -> None:
    hearing, denoiser = load(trained)
    write_onnx(hearing, denoiser, tmp_path)
    with torch.no_grad():
        denoiser.outlet[1].bias.add_(0.01)
    with pytest.raises(SonicError, match="nothing was written"):
        check(hearing, denoiser, tmp_path)


def test_every_take_is_heard_elsewhere_and_the_first_one_is_clean(trained: Workspace) -> None:
    heard = Heard(trained.features / "clips")
    first, second = heard.takes(0)
    assert first.shape == second.shape
    assert np.abs(first.astype(np.float32) - second.astype(np.float32)).max() > 0.1


def test_what_was_not_heard_is_named(trained: Workspace, tmp_path: Path) -> None:
    other = Workspace(Path(shutil.copytree(trained.root, tmp_path / "work")))
    shutil.rmtree(other.features / "clips")
    with pytest.raises(SettingError, match="run `sonic train hear` first"):
        train_motion(other, CPU, Observer())


def test_distortion_keeps_the_length_and_noise_is_no_voice() -> None:
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(8000)).astype(np.float32)
    changed = [distorted(sound, np.random.default_rng(seed)) for seed in range(20)]
    assert all(len(c) == len(sound) and np.isfinite(c).all() for c in changed)
    assert 2 <= sum(np.array_equal(c, sound) for c in changed) <= 15  # some stay as they are
    for utterance in noises(5, rng):
        assert (utterance.labels == 0).all()
        assert np.abs(utterance.samples).max() > 50
