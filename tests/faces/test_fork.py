"""generate() in processes that were started from one which has made a video."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = """
    import multiprocessing, sys
    from concurrent.futures import ThreadPoolExecutor
    from datetime import date
    from pathlib import Path
    import sonic

    DEMO = Path(sonic.__file__).parent / "assets" / "demo"
    CONSENT = sonic.Consent(subject="nobody, a drawing", basis="synthetic", given_on=date(2026, 1, 1))
    SMALL = sonic.Settings(min_resolution=192, duration=0.2, inference_steps=1)

    def made(name):
        out = Path(sys.argv[1]) / f"{name}.mp4"
        inputs = DEMO / "portrait.png", DEMO / "speech.flac"
        return sonic.generate(*inputs, out, consent=CONSENT, settings=SMALL).n_frames

    def in_pool(method):
        with multiprocessing.get_context(method).Pool(1) as pool:
            return pool.apply(made, (method,))

    if __name__ == "__main__":
"""


def said(tmp_path: Path, *lines: str) -> list[str]:
    """What these lines print, in a process of their own with a hard limit, for a Pool whose workers die waits."""
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM) + "".join(f"    {line}\n" for line in lines), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=100, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_before_and_after_a_video_work_and_so_does_the_process_afterwards(tmp_path: Path) -> None:
    fork = 'print(in_pool("fork"))'
    assert said(tmp_path, fork, 'print(made("own"))', fork, 'print(made("again"))', fork) == ["5"] * 5


def test_spawned_processes_and_threads_work_after_a_video(tmp_path: Path) -> None:
    lines = (
        'print(made("own"))',
        'print(in_pool("spawn"))',
        "pool = ThreadPoolExecutor(2)",
        'print(list(pool.map(made, "ab")))',
    )
    assert said(tmp_path, *lines) == ["5", "5", "[5, 5]"]
