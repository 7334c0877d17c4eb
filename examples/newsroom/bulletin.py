"""A bulletin in two versions from one warm session: python examples/newsroom/bulletin.py FOLDER [MIN_RESOLUTION]

Shows what a program of your own needs: consent, a Session that keeps engine and portrait between videos, progress,
captions, and the check against a platform's rules before anything is uploaded.
"""

import sys
from pathlib import Path

import sonic
from sonic import demo
from sonic.evaluation.delivery import check_delivery
from sonic.pipeline.captioning import CaptionRequest
from sonic.settings.platforms import platform
from sonic.types import Observer, Progress

TEXT = Path(__file__).parents[1] / "lessons" / "lesson.en.txt"


def main(folder: Path, min_resolution: int | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sonic.Session() as session:
        for name in ("square", "landscape"):
            rules = platform(name)
            settings = sonic.Settings(**rules.settings, language="en", purpose="news", duration=4.0)
            if min_resolution:
                settings = settings.replace(min_resolution=min_resolution)
            job = sonic.Job(settings, Observer(progress=show, notice=print))
            result = session.generate(
                demo.PORTRAIT, demo.SPEECH, folder / f"bulletin-{name}.mp4",
                consent=demo.consent(), job=job, captions=CaptionRequest(TEXT),
            )  # fmt: skip
            print(check_delivery(result.video, rules).to_text())


def show(report: Progress) -> None:
    if report.stage == "video" and report.done == report.total:
        print(f"{report.done} frames")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
