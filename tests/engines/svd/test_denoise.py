"""Denoising a clip in windows: the published loop to the golden tensors, and every way of doing it faster the same."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs the extra gpu")
pytest.importorskip("diffusers", reason="needs the extra gpu")

import tiny_svd  # noqa: E402
from denoising_jobs import CPU, Job, schedule_of  # noqa: E402

import golden  # noqa: E402
from golden import close, needs_golden  # noqa: E402
from sonic.engines.svd import networks  # noqa: E402
from sonic.engines.svd.denoise import FREE, HEARD, LATENT_SCALE, SEEN, Denoiser, Row, Scene, Schedule, State, denoise  # noqa: E402
from sonic.engines.svd.inference import Inference  # noqa: E402
from sonic.engines.svd.samplers import SAMPLERS, Earlier  # noqa: E402
from sonic.errors import SettingError  # noqa: E402
from sonic.settings import Settings  # noqa: E402
from sonic.types import Observer, Progress  # noqa: E402

pytestmark = pytest.mark.svd
LOOPS = ("loop_w25", "loop_w8", "loop_w8_overlap", "loop_short")


@pytest.fixture(scope="module")
def published() -> Any:
    return Job().run()


@needs_golden
@pytest.mark.parametrize("name", LOOPS)
def test_each_step_of_the_published_loops(name: str) -> None:
    numbers, wanted = golden.values("c_loops")[name], golden.tensors(f"c_{name}")
    inference = Inference(
        steps=numbers["steps"], window=numbers["window"], overlap=numbers["overlap"], shift=numbers["shift"],
        strength=numbers["strength"], appearance=tuple(numbers["g1"]), audio=tuple(numbers["g2"]),
        motion_scale=numbers["scale"], dynamic_scale=numbers["scale"],
    )  # fmt: skip
    schedule = schedule_of(inference)
    assert torch.equal(schedule.sigmas, wanted["sigmas"][-len(schedule.sigmas) :])
    scene = Scene(
        wanted["image_embeds"], wanted["ref_latents_mode_unscaled"], wanted["in.face_mask"],
        lambda frames: wanted["in.audio_tokens"][list(frames)], wanted["in.uncond_audio_tokens_frame0"],
        wanted["in.motion_buckets"].reshape(-1, 2),
    )  # fmt: skip
    start = LATENT_SCALE * scene.image_latents + schedule.sigmas[0] * wanted["in.noise"][0]
    assert close(start, wanted["latents_before_step_0"][0])
    denoiser = Denoiser(*networks.unet(tiny_svd.UNET, golden.weights("unet")), scene, inference, **CPU)
    _guided_calls(denoiser, inference, schedule, start, wanted)

    def check(state: State) -> None:
        if state.step < len(schedule.timesteps):
            assert close(state.latents, wanted[f"latents_before_step_{state.step}"][0]), f"after step {state.step}"

    made = denoise(
        [denoiser], State(0, start), schedule, inference, rows_per_call=3, observer=Observer(), on_step=check
    )
    assert close(made, wanted["latents_final"][0])


def _guided_calls(denoiser: Denoiser, inference: Inference, schedule: Schedule, start: Any, wanted: Any) -> None:
    """The first step's windows, each by itself: the velocity after guidance."""
    appearance, audio = inference.guidance(0)
    for call, frames in enumerate(inference.windows(len(start), 0)[:3]):
        rows = [Row(frames, kind) for kind in (FREE, SEEN, HEARD)]
        free, seen, heard = denoiser(rows, start, float(schedule.sigmas[0]), schedule.timesteps[0])
        guided = free + appearance * (seen - free) + audio * (heard - seen)
        if f"guided_pred_call_{call}" in wanted:
            assert close(guided[None], wanted[f"guided_pred_call_{call}"])


@needs_golden
def test_windows_are_those_of_the_published_calls() -> None:
    for name in LOOPS:
        numbers, calls = golden.values("c_loops")[name], golden.values("c_calls")[name]
        inference = Inference(window=numbers["window"], overlap=numbers["overlap"], shift=numbers["shift"])
        windows = [w for step in range(calls[-1]["step"] + 1) for w in inference.windows(numbers["n"], step)]
        assert windows == [[i % numbers["n"] for i in call["frame_indices"]] for call in calls]


@given(
    n=st.integers(1, 90), window=st.integers(2, 25), overlap=st.integers(0, 12), shift=st.integers(0, 24),
    step=st.integers(0, 30),
)  # fmt: skip
def test_every_frame_is_in_a_window_at_every_step(n: int, window: int, overlap: int, shift: int, step: int) -> None:
    windows = Inference(window=window, overlap=min(overlap, window - 1), shift=shift).windows(n, step)
    assert {frame for frames in windows for frame in frames} == set(range(n))
    assert all(len(frames) == window for frames in windows)


@pytest.mark.parametrize("rows", [1, 2, 7, 64])
def test_how_many_rows_a_call_has_changes_nothing(published: Any, rows: int) -> None:
    assert close(Job().run(rows=rows), published, 1e-5)


def test_several_devices_share_the_windows_and_change_nothing(published: Any) -> None:
    assert torch.equal(Job().run(n_devices=2), published)


def test_a_stopped_run_goes_on_from_its_state(published: Any) -> None:
    states: list[State] = []
    Job().run(on_step=states.append)
    assert [state.step for state in states] == [1, 2, 3, 4]
    assert torch.equal(Job().run(state=states[1]), published)


@pytest.mark.parametrize(
    ("guidance", "n_passes"), [((2.0, 7.5), 3), ((1.0, 7.5), 2), ((3.0, 3.0), 2), ((1.0, 1.0), 1), ((1.0, 0.0), 1)]
)
def test_a_pass_of_which_nothing_is_used_is_not_computed(guidance: tuple[float, float], n_passes: int) -> None:
    appearance, audio = guidance
    job = Job(5, Inference(steps=2, window=5, appearance=(appearance,) * 2, audio=(audio,) * 2))
    seen: list[Progress] = []
    made = job.run(rows=1, progress=seen.append)
    assert seen[-1].done == seen[-1].total == 2 * n_passes
    assert close(made, by_the_formula(job))


def by_the_formula(job: Job) -> Any:
    """All three passes of a clip that is one window, and guidance as the paper writes it."""
    (denoiser,) = job.denoisers()
    schedule, x = schedule_of(job.inference), job.start().latents
    frames = list(range(len(x)))
    for step in range(len(schedule.timesteps)):
        sigma, following = schedule.sigmas[step], schedule.sigmas[step + 1]
        (window,) = job.inference.windows(len(x), step)
        rows = [Row(window, kind) for kind in (FREE, SEEN, HEARD)]
        made = denoiser(rows, x, float(sigma), schedule.timesteps[step])
        back = torch.tensor([window.index(frame) for frame in frames])
        free, seen, heard = made[:, back]
        appearance, audio = job.inference.guidance(step)
        velocity = free + appearance * (seen - free) + audio * (heard - seen)
        clean = x / (sigma**2 + 1) - velocity * sigma / (sigma**2 + 1) ** 0.5
        x = x + (x - clean) / sigma * (following - sigma)
    return x


def test_reused_guidance_is_exact_where_it_is_not_reused() -> None:
    """With one step there is nothing to reuse; with more, calls are saved and the result stays near."""
    exact = Job(11, Inference(steps=1, window=5))
    reused = Job(11, replace(exact.inference, guidance_refresh=3))
    assert close(reused.run(), exact.run())
    long = Job(11, Inference(steps=6, window=5, guidance_refresh=3))
    seen: list[Progress] = []
    long.run(rows=1, progress=seen.append)
    windows = len(long.inference.windows(11, 0))
    assert seen[-1].total == windows * (3 + 1 + 1) * 2


def test_reused_guidance_goes_on_from_a_state_too() -> None:
    job, states = Job(11, Inference(steps=5, window=5, guidance_refresh=3)), []
    whole = job.run(on_step=states.append)
    assert torch.equal(job.run(state=states[0]), whole)  # the next step uses what the first one found


def test_progress_counts_calls_and_what_is_left_after_a_stop() -> None:
    states: list[State] = []
    seen: list[Progress] = []
    Job().run(on_step=states.append, progress=seen.append)
    assert [report.done for report in seen] == list(range(seen[0].total + 1))
    left: list[Progress] = []
    Job().run(state=states[2], progress=left.append)
    assert left[0].total == seen[0].total // 4


def test_stopping_in_the_middle_ends_all_threads() -> None:
    import threading

    def stop(report: Progress) -> None:
        if report.done == 2:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        Job().run(n_devices=2, progress=stop)
    assert threading.active_count() == before


def test_scales_of_motion_reach_the_two_buckets() -> None:
    """Both at once are the published dynamic scale; each alone does something else."""
    results = [
        Job(5, Inference(steps=1, window=5, motion_scale=motion, dynamic_scale=dynamic)).run()
        for motion, dynamic in ((1.0, 1.0), (1.3, 1.0), (1.0, 1.3), (1.3, 1.3))
    ]
    for i, one in enumerate(results):
        assert all(not torch.equal(one, other) for other in results[i + 1 :])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.1), (torch.float16, 0.02)])
def test_half_precision_stays_near(published: Any, dtype: Any, tolerance: float) -> None:
    job = Job()
    unet, context = networks.unet(tiny_svd.UNET, tiny_svd.state_dicts()["unet"])
    denoiser = Denoiser(unet.to(dtype), context, job.scene, job.inference, device=torch.device("cpu"), dtype=dtype)
    made = denoise(
        [denoiser], job.start(), schedule_of(job.inference), job.inference, rows_per_call=3, observer=Observer()
    )  # fmt: skip
    assert made.dtype == torch.float32
    assert float((made - published).norm() / published.norm()) < tolerance


def ideal(sampler: str, sigmas: Sequence[float]) -> float:
    """Error of a sampler where data is Gaussian of deviation 2, for which the best estimate is known."""
    x = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64) * (sigmas[0] ** 2 + 4) ** 0.5
    wanted, earlier = x / (sigmas[0] ** 2 + 4) ** 0.5 * 2, None
    for sigma, following in pairwise(sigmas):
        clean = x * 4 / (4 + sigma**2)
        x, earlier = SAMPLERS[sampler](x, clean, sigma, following, earlier), Earlier(sigma, clean)
    return float((x - wanted).abs().max())


def test_the_multistep_sampler_needs_two_thirds_of_the_steps_and_both_converge() -> None:
    def karras(n: int) -> list[float]:
        ramp = torch.linspace(0, 1, n, dtype=torch.float64)
        return [*((700 ** (1 / 7) + ramp * (0.002 ** (1 / 7) - 700 ** (1 / 7))) ** 7).tolist(), 0.0]

    for sampler in SAMPLERS:
        assert ideal(sampler, karras(200)) < 0.35 * ideal(sampler, karras(50)) + 1e-9
    assert ideal("dpm++2m", karras(17)) < ideal("euler", karras(25))


def test_settings_become_the_numbers_of_the_inference() -> None:
    assert Inference.of(Settings(engine="svd")) == Inference()
    settings = Settings(
        engine="svd", inference_steps=30, audio_guidance=6, audio_guidance_start=3, noise_strength=0.65,
        motion_scale=1.1, dynamic_scale=1.2, guidance_refresh=2, window_overlap=4, window_shift=3,
    )  # fmt: skip
    inference = Inference.of(settings)
    assert (inference.audio, inference.appearance, inference.steps_run) == ((3, 6), (2, 2), 19)
    assert inference.guidance(0) == (2, 3) and inference.guidance(18) == pytest.approx((2, 6))
    assert (inference.motion_scale, inference.dynamic_scale) == (1.1, 1.2)


def test_settings_that_another_engine_heeds_give_a_notice() -> None:
    (line,) = Settings(engine="svd", blink_scale=0.5).notices()
    assert "blink_scale" in line and "svd" in line
    (line,) = Settings(audio_guidance=5).notices()
    assert "audio_guidance" in line and "light" in line
    with pytest.raises(SettingError, match="sampler"):
        Settings(engine="svd", sampler="heun")
