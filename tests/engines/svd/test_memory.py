"""What engine svd says of a job's memory: against a count of the full-size networks, and what it tells a user."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonic.engines.svd import memory
from sonic.engines.svd.memory import GB, Job, Plan, check, estimate, fit
from sonic.errors import SettingError

PLENTY = int(1e12)
JOB = Job(width_px=512, height_px=512, n_frames=750)
BENCH = Path(__file__).parents[3] / "bench"


def plan_for(gigabytes: float, job: Job = JOB, **choices: str) -> Plan:
    return fit(job, device_bytes=int(gigabytes * GB), host_bytes=PLENTY, **choices)


def test_a_minute_needs_what_ten_seconds_need() -> None:
    short, long = (estimate(replace(JOB, n_frames=n), Plan(rows=3)) for n in (125, 750))
    assert short.device_bytes == long.device_bytes


def test_512_px_stays_under_12_gb() -> None:
    plan = plan_for(80)
    assert plan.offload == "none"
    assert estimate(JOB, plan).peak.tensors_bytes < 12 * GB
    assert estimate(JOB, plan).device_bytes < 12 * GB


def test_the_less_is_free_the_more_is_given_up() -> None:
    offloads = [plan_for(free).offload for free in (80, 11, 8, 6)]
    assert offloads == sorted(offloads, key=memory.OFFLOADS.index)
    assert plan_for(80).rows == 3 and plan_for(8).rows < 3
    assert plan_for(80).tile is None and plan_for(5).tile == memory.TILE


def test_what_is_given_is_kept() -> None:
    assert plan_for(80, offload="blocks").offload == "blocks"
    assert plan_for(80, tiling="on").tile == memory.TILE
    assert fit(JOB, device_bytes=int(80 * GB), host_bytes=PLENTY, rows=2).rows == 2
    with pytest.raises(SettingError, match="rows_per_call to 1"):
        fit(JOB, device_bytes=int(8 * GB), host_bytes=PLENTY, rows=4)


def test_a_call_has_no_more_sequences_than_cuda_takes() -> None:
    small = Job(width_px=64, height_px=64, n_frames=750)
    for job in (small, JOB, Job(width_px=2048, height_px=1024, n_frames=750)):
        plan = fit(job, device_bytes=PLENTY, host_bytes=PLENTY)
        assert plan.rows * job.latents <= memory.MAX_SEQUENCES
    with pytest.raises(SettingError, match="rows_per_call to 1"):
        fit(JOB, device_bytes=PLENTY, host_bytes=PLENTY, rows=17)


@given(
    side=st.sampled_from([256, 512, 768, 1024]),
    n_frames=st.integers(1, 5000),
    device=st.one_of(st.none(), st.floats(0.5, 100)),
    host=st.floats(1, 200),
)
def test_a_plan_fits_or_the_refusal_says_what_to_do(
    side: int, n_frames: int, device: float | None, host: float
) -> None:
    job = Job(width_px=side, height_px=side, n_frames=n_frames)
    free = {"device_bytes": None if device is None else int(device * GB), "host_bytes": int(host * GB)}
    try:
        plan = fit(job, **free)
    except SettingError as error:
        assert "\n" not in str(error)
        assert "; set " in str(error) or "--engine light" in str(error)
    else:
        check(estimate(job, plan), **free)


@pytest.mark.parametrize(
    ("job", "free_gb", "remedy"),
    [
        (JOB, 4.5, "weights_precision to fp8"),
        (Job(width_px=1024, height_px=1024, n_frames=750), 5.5, "min_resolution to"),
        (Job(width_px=512, height_px=512, n_frames=750, value_bytes=4, weight_bytes=4), 6.0, "precision to fp16"),
    ],
)
def test_the_remedy_of_a_small_gpu_works(job: Job, free_gb: float, remedy: str) -> None:
    with pytest.raises(SettingError, match=remedy) as refused:
        plan_for(free_gb, job)
    assert f"{free_gb} GB are free" in str(refused.value)


def test_the_remedy_for_an_hour_in_little_memory_is_less_of_it() -> None:
    hour = Job(width_px=512, height_px=512, n_frames=45_000)
    with pytest.raises(SettingError, match=r"3600 s at 512x512.*duration to (\d+)") as refused:
        fit(hour, device_bytes=PLENTY, host_bytes=16 * 10**9)
    seconds = int(str(refused.value).rsplit(" ", 1)[1])
    fit(replace(hour, n_frames=int(seconds * 12.5)), device_bytes=PLENTY, host_bytes=16 * 10**9)


def test_sides_are_multiples_of_64() -> None:
    with pytest.raises(SettingError, match="width_px is 500"):
        Job(width_px=500, height_px=512, n_frames=1)


@pytest.mark.svd
@pytest.mark.slow
def test_the_formulas_are_those_of_the_full_size_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("diffusers")
    monkeypatch.syspath_prepend(str(BENCH))
    import svd_networks
    import svd_plan

    unet, _ = svd_networks.bare_unet(svd_networks.FULL, torch.float16)
    matrices = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.Conv3d)
    assert sum(p.numel() for p in unet.parameters()) == memory.UNET
    assert sum(m.weight.numel() for m in unet.modules() if isinstance(m, matrices)) == memory.UNET_MATRICES
    vae = svd_networks.bare_vae(svd_networks.FULL, torch.float16)
    job = Job(width_px=512, height_px=512, n_frames=125)
    stages = {stage.name: stage for stage in estimate(job, Plan(rows=2)).stages}
    assert sum(p.numel() for p in vae.parameters()) == memory.VAE
    assert stages["denoise"].activations_bytes == pytest.approx(svd_plan.unet_call(2, 512).peak_bytes, rel=0.02)
    assert stages["decode"].activations_bytes == pytest.approx(svd_plan.decoder_call(vae, 512).peak_bytes, rel=0.02)
