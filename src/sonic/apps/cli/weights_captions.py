"""The parts of ``sonic weights`` that are about recognised captions: one model, in one folder."""

from pathlib import Path

from sonic.apps.cli.show import Reporter
from sonic.errors import InstallError


def lines(folder: Path | None) -> list[str]:
    """Of ``sonic weights list``."""
    from sonic.captions.recogniser_weights import PART, find

    found = find(folder)
    made = ["recognised captions, published by others on huggingface.co:"]
    made.append(f"  {PART.name:14} {'here' if found else 'MISSING':10} {PART.n_bytes / 1e6:>5.1f} MB  "
                f"{PART.licence.name}: {PART.purpose}")  # fmt: skip
    return made + [
        f"  {'':14} {PART.repository}/{file.path}  SHA-256 {(file.sha256 or '')[:12]}" for file in PART.files
    ]


def where(folder: Path | None, reporter: Reporter) -> None:
    """Of ``sonic weights where``."""
    from sonic.captions.recogniser_weights import PART, find, places

    found, looked = find(folder), [str(place) for place in places(folder)]
    text = [f"{PART.name:14} {found or 'missing'}", "looked in:", *(f"  {place}" for place in looked or ["no folder"])]
    if found is None:
        text.append("`sonic weights fetch --for captions` gets it")
    reporter.result("\n".join(text), files={PART.name: str(found) if found else None}, looked_in=looked)


def check(folder: Path | None, reporter: Reporter) -> None:
    """Of ``sonic weights check``. Raises InstallError if the model is missing or another than the published one."""
    from sonic.captions.recogniser_weights import PART, REMEDY, differences, find

    found = find(folder)
    if found is None:
        raise InstallError(f"the weights that recognise speech are missing; {REMEDY}")
    problems = differences(found)
    text = [f"{PART.name:14} {'PROBLEM' if problems else 'good':8} {found}", *(f"{'':14} {line}" for line in problems)]
    reporter.result("\n".join(text), good=not problems, parts=[{"part": PART.name, "problems": problems}])
    if problems:
        raise InstallError("not the published Whisper base, or changed; see above; it works if it is a model of yours")
