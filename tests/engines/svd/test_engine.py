"""Engine svd from photo to MP4 with a tiny random model of the true signature: what a user of it meets."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra gpu")
pytest.importorskip("diffusers", reason="needs the extra gpu")

import tiny_svd  # noqa: E402
from PIL import Image  # noqa: E402

import golden  # noqa: E402
import sonic  # noqa: E402
from golden import close, needs_golden  # noqa: E402
from sonic.engines import engine_names, open_engine  # noqa: E402
from sonic.engines.svd import engine as engine_module  # noqa: E402
from sonic.engines.svd.audio import hear, listen  # noqa: E402
from sonic.engines.svd.denoise import LATENT_SCALE, Denoiser, State, denoise  # noqa: E402
from sonic.engines.svd.devices import devices_of  # noqa: E402
from sonic.engines.svd.engine import SvdEngine, make_scene, region_of, schedule_of  # noqa: E402
from sonic.engines.svd.inference import Inference  # noqa: E402
from sonic.engines.svd.model_store import ModelStore, Placement  # noqa: E402
from sonic.engines.svd.picture import prepare, working_size  # noqa: E402
from sonic.errors import FaceError, InstallError, SettingError, SpeechError  # noqa: E402
from sonic.faces.portrait import analyse_portrait  # noqa: E402
from sonic.media.photo import load_photo  # noqa: E402
from sonic.media.recording import load_speech  # noqa: E402
from sonic.media.video import decode_video, video_format  # noqa: E402
from sonic.settings import Settings  # noqa: E402
from sonic.types import Frame, Observer, Portrait, Progress, Sound, Speech  # noqa: E402

pytestmark = pytest.mark.svd
DEMO = Path(sonic.__file__).parent / "assets" / "demo"
DURATION_S = 0.6
CONSENT = sonic.Consent(subject="a drawn person", basis="synthetic", given_on=date(2026, 1, 1))


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_svd.make(tmp_path_factory.mktemp("published"), sonic="safetensors")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Unfinished work of one test is not another one's."""
    monkeypatch.setenv("SONIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def settings(weights: Path) -> Settings:
    return Settings(
        engine="svd", weights_folder=str(weights), min_resolution=128, inference_steps=2, duration=DURATION_S, seed=0
    )


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return analyse_portrait(load_photo(DEMO / "portrait.png"), Settings(min_resolution=128), lambda line: None)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return load_speech(DEMO / "speech.flac", lambda line: None)


def frames(portrait: Portrait, speech: Speech, settings: Settings, observer: Observer | None = None) -> Iterator[Frame]:
    engine = SvdEngine()
    return engine.render(portrait, engine.drive(portrait, speech, settings, DURATION_S, observer or Observer()))


def pictures(portrait: Portrait, speech: Speech, settings: Settings) -> Any:
    return np.stack([frame.rgb for frame in frames(portrait, speech, settings)]).astype(np.float32)


def test_the_engine_comes_through_the_same_door() -> None:
    assert "svd" in engine_names()
    assert isinstance(open_engine("svd"), SvdEngine)


def test_from_photo_to_mp4(settings: Settings, tmp_path: Path) -> None:
    notices: list[str] = []
    seen: list[Progress] = []
    out = tmp_path / "out.mp4"
    result = sonic.generate(
        DEMO / "portrait.png", DEMO / "speech.flac", out, consent=CONSENT, settings=settings,
        on_progress=seen.append, on_notice=notices.append,
    )  # fmt: skip
    assert (result.n_frames, result.size_px) == (15, video_format(out).size_px)
    assert len(list(decode_video(out))) == 15
    assert any("128x128" in line and "float32 on cpu" in line and "non-commercial" in line for line in notices)
    assert {report.stage for report in seen} == {"analyse", "weights", "listen", "denoise", "video"}
    record = sonic_record(result.record)
    assert record["engine"] == "svd"
    assert {"unet/unet.safetensors", "vae/diffusion_pytorch_model.safetensors"} <= set(record["weights"])
    assert record["settings"]["audio_guidance"] == 7.5


def sonic_record(path: Path) -> Any:
    import json

    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(25), Fraction(30)])
def test_the_video_is_as_long_as_the_sound_at_any_rate(
    fps: Fraction, portrait: Portrait, speech: Speech, settings: Settings
) -> None:
    made = list(frames(portrait, speech, settings.replace(fps=fps)))
    assert [frame.index for frame in made] == list(range(round(DURATION_S * fps)))
    assert {frame.rgb.shape for frame in made} == {portrait.crop.shape}


def test_every_seed_is_honoured_also_zero(portrait: Portrait, speech: Speech, settings: Settings) -> None:
    torch.manual_seed(99)
    first, again = (pictures(portrait, speech, settings) for _ in range(2))
    other = pictures(portrait, speech, settings.replace(seed=1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_background_stays_as_it_is(portrait: Portrait, speech: Speech, settings: Settings) -> None:
    made = pictures(portrait, speech, settings)
    same = (made == portrait.crop).all((0, 3))
    assert not (same & (portrait.matte > 0.9)).any()
    top, side = portrait.crop.shape[0] // 20, portrait.crop.shape[1] // 20
    assert same[:top, :side].all() and same[:top, -side:].all()


def test_no_face_is_said_before_weights_are_looked_for(tmp_path: Path, settings: Settings) -> None:
    Image.new("RGB", (256, 256), "grey").save(tmp_path / "wall.png")
    nowhere = settings.replace(weights_folder=str(tmp_path / "nothing"))
    with pytest.raises(FaceError, match="no face"):
        sonic.generate(
            tmp_path / "wall.png", DEMO / "speech.flac", tmp_path / "o.mp4", consent=CONSENT, settings=nowhere
        )


def test_missing_weights_are_said_before_any_work(
    portrait: Portrait, speech: Speech, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(InstallError, match="sonic weights fetch") as caught:
        SvdEngine().drive(
            portrait, speech, settings.replace(weights_folder=str(tmp_path)), DURATION_S, Observer()
        )  # fmt: skip
    assert "\n" not in str(caught.value)


def test_too_little_memory_is_said_before_any_work(
    portrait: Portrait, speech: Speech, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "free_host_bytes", lambda: 100_000_000)
    with pytest.raises(SettingError, match=r"GB.*free"):
        SvdEngine().drive(portrait, speech, settings, DURATION_S, Observer())


def test_less_sound_than_a_frame_is_refused(portrait: Portrait, speech: Speech, settings: Settings) -> None:
    with pytest.raises(SpeechError, match="80 ms"):
        SvdEngine().drive(portrait, speech, settings, 0.05, Observer())


@pytest.mark.parametrize("device", ["cuda:7", "tpu", "cuda:0,", "mps"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(SettingError, match="device is"):
        devices_of(device)


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({"rows_per_call": 1}, 0),
        ({"device": "cpu,cpu"}, 0),
        ({"offload": "none"}, 0),
        ({"vae_tiling": "on"}, 0),
        ({"precision": "bf16"}, 6),
        ({"weights_precision": "fp8"}, 12),
    ],
)
def test_each_switch_leaves_the_video_near_what_it_was(
    changes: dict[str, Any], tolerance: float, portrait: Portrait, speech: Speech, settings: Settings
) -> None:
    """Tolerance: mean difference of pixels on the face, of 255."""
    usual = pictures(portrait, speech, settings)
    made = pictures(portrait, speech, settings.replace(**changes))
    assert np.abs(made - usual)[:, portrait.matte > 0.9].mean() <= tolerance + 1e-3


def test_offloaded_blocks_compute_the_same(weights: Path) -> None:
    from sonic.engines.svd.weights.checkpoints import locate

    located, cpu = locate(weights), (torch.device("cpu"),)
    sample, ids = torch.randn(1, 3, 8, 16, 16), torch.ones(1, 3)
    results = []
    for offload in ("models", "blocks"):
        with (
            ModelStore(located, Placement(cpu, torch.float32, offload=offload)).unets() as ((unet, context),),
            torch.no_grad(),
        ):
            context.image, context.audio = torch.ones(1, 3, 32), torch.ones(1, 3, 32, 32)
            results.append(unet(sample, torch.tensor(1.0), torch.zeros(1, 1, 1), ids, return_dict=False)[0])
    assert torch.equal(*results)


def test_a_stopped_run_is_continued_and_leaves_nothing(
    portrait: Portrait, speech: Speech, settings: Settings, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonic.engines.svd.resume.EVERY_S", 0.0)
    slow = settings.replace(inference_steps=4)
    whole = pictures(portrait, speech, slow)
    assert not list(cache.rglob("*.safetensors"))

    def stop(report: Progress) -> None:
        if report.stage == "denoise" and report.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(frames(portrait, speech, slow, Observer(stop)))
    assert len(list(cache.rglob("*.safetensors"))) == 1
    notices: list[str] = []
    made = list(frames(portrait, speech, slow, Observer(notice=notices.append)))
    assert np.array_equal(np.stack([frame.rgb for frame in made]), whole.astype(np.uint8))
    assert any("step 2 of 4" in line for line in notices)
    assert not list(cache.rglob("*.safetensors"))


def test_another_seed_does_not_continue_it(
    portrait: Portrait, speech: Speech, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonic.engines.svd.resume.EVERY_S", 0.0)
    engine = SvdEngine()
    next(engine.drive(portrait, speech, settings, DURATION_S, Observer()))  # denoised, never rendered
    notices: list[str] = []
    observer = Observer(notice=notices.append)
    next(engine.drive(portrait, speech, settings.replace(seed=5), DURATION_S, observer))
    assert not any("going on" in line for line in notices)
    next(engine.drive(portrait, speech, settings, DURATION_S, observer))
    assert any("going on" in line for line in notices)


def test_a_damaged_state_is_not_believed(
    portrait: Portrait, speech: Speech, settings: Settings, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonic.engines.svd.resume.EVERY_S", 0.0)
    engine = SvdEngine()
    wanted = next(engine.drive(portrait, speech, settings, DURATION_S, Observer())).values
    (kept,) = cache.rglob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:-1000])
    assert torch.equal(next(engine.drive(portrait, speech, settings, DURATION_S, Observer())).values, wanted)


def test_a_cache_that_cannot_be_written_costs_a_notice_only(
    portrait: Portrait, speech: Speech, settings: Settings, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonic.engines.svd.resume.EVERY_S", 0.0)
    cache.write_text("a file where the folder should be")
    notices: list[str] = []
    assert len(list(frames(portrait, speech, settings, Observer(notice=notices.append)))) == 15
    assert any("progress cannot be kept" in line for line in notices)


def test_states_that_nobody_came_back_to_are_removed(
    portrait: Portrait, speech: Speech, settings: Settings, cache: Path
) -> None:
    import os

    (cache / "svd").mkdir(parents=True)
    names = ("old.safetensors", "young.safetensors", "old.txt")
    for name in names:
        (cache / "svd" / name).write_bytes(b"")
        if name.startswith("old"):
            os.utime(cache / "svd" / name, (0, 0))
    next(SvdEngine().drive(portrait, speech, settings, DURATION_S, Observer()))
    assert {path.name for path in (cache / "svd").iterdir()} == set(names[1:])


def test_a_gpu_that_runs_full_is_one_line_with_remedies(
    portrait: Portrait, speech: Speech, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(engine_module, "denoise", full)
    with pytest.raises(SettingError, match="rows_per_call to 1"):
        list(frames(portrait, speech, settings))


@pytest.mark.parametrize("offload", ["models", "none"])
def test_networks_leave_after_their_turn_unless_they_may_stay(weights: Path, offload: str) -> None:
    from sonic.engines.svd.weights.checkpoints import locate

    models = ModelStore(locate(weights), Placement((torch.device("cpu"),), torch.float32, offload=offload))
    with models.at_work("vae") as first:
        assert not any(value.is_meta for value in first.parameters())
    with models.at_work("vae") as second:
        assert not any(value.is_meta for value in second.parameters())
    assert (first is second) == (offload == "none")
    assert all(value.is_meta for value in first.parameters()) == (offload == "models")


def test_closing_the_frames_stops_the_work(portrait: Portrait, speech: Speech, settings: Settings) -> None:
    with closing(frames(portrait, speech, settings)) as made:
        assert next(made).index == 0
    with pytest.raises(StopIteration):
        next(made)


def test_a_small_face_gets_a_square_of_its_own(portrait: Portrait) -> None:
    assert region_of(portrait) == (0, 0, *portrait.size_px)
    left, top, right, bottom = portrait.face.box_px
    height, width = 8 * portrait.crop.shape[0], 8 * portrait.crop.shape[1]
    shown = replace(
        portrait, crop=np.zeros((height, width, 3), np.uint8), matte=np.zeros((height, width), np.float32)
    )  # fmt: skip
    region = region_of(shown)
    assert region[0] <= left and region[1] <= top and region[2] >= right and region[3] >= bottom
    assert abs((region[2] - region[0]) - (region[3] - region[1])) <= 2
    assert region[2] - region[0] < 3 * max(right - left, bottom - top)


class GoldenFiles:
    """The weights that made the golden tensors, as Shelf asks for them."""

    def config(self, part: str) -> Any:
        return golden.values("configs")[part]

    def state(self, part: str) -> Any:
        return golden.weights(part)


@needs_golden
def test_from_sound_and_picture_to_the_golden_video() -> None:
    """The whole published program but for its face detector: g_end_to_end."""
    numbers, wanted = golden.values("g_end_to_end"), golden.tensors("g_end_to_end")
    rgb = np.asarray(Image.open(golden.path(numbers["image"])).convert("RGB"))
    size_px = working_size((rgb.shape[1], rgb.shape[0]), numbers["image_size"])
    picture = prepare(rgb, tuple(numbers["bbox_xywh"]), size_px)
    models = ModelStore(GoldenFiles(), Placement((torch.device("cpu"),), torch.float32))  # type: ignore[arg-type]
    inference = Inference(steps=numbers["pipe_kwargs"]["num_inference_steps"])
    with models.at_work("whisper") as encoder:
        features = listen(hear(Sound(golden.path(numbers["wav"]), "")), encoder, lambda report: None)
    draw = torch.Generator().manual_seed(72589)
    assert torch.equal(torch.randn(picture.reference.shape, generator=draw), wanted["noise_image"])
    with models.at_work("audio2token") as hearing, models.unets() as unets:
        assert close(features.tokens(hearing, range(features.n_frames)), wanted["audio_tokens"])
        scene, start = make_scene(models, picture, features, hearing, torch.zeros(()))
        assert close(scene.buckets, wanted["motion_buckets"].reshape(-1, 2))
        schedule = schedule_of(models.located, inference)
        drawn = torch.randn(1, features.n_frames, *start.shape[1:], generator=draw)
        assert torch.equal(drawn, wanted["noise_latents"])
        state = State(0, LATENT_SCALE * start + schedule.sigmas[0] * drawn[0])
        denoiser = Denoiser(*unets[0], scene, inference, device=torch.device("cpu"), dtype=torch.float32)
        latents = denoise([denoiser], state, schedule, inference, rows_per_call=3, observer=Observer())
    from sonic.engines.svd.decode import decode

    with models.at_work("vae") as vae:
        video = torch.stack(list(decode(vae, latents, device=torch.device("cpu"), dtype=torch.float32)), 1)
    assert close(video[None], wanted["video"])
