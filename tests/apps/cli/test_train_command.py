"""``sonic train`` as a person meets it: help that teaches, and failures in one line."""

from pathlib import Path

import pytest

from sonic.apps.cli import main, train
from sonic.errors import InstallError
from sonic.training.workspace import open_workspace

STEPS = ("prepare", "hear", "recogniser", "motion", "export", "evaluate", "all")


def test_help_names_the_steps_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = capsys.readouterr().out
    places = [text.index(f"sonic train {step}") for step in STEPS]
    assert places == sorted(places)


@pytest.mark.parametrize("step", ["prepare", "all"])
def test_help_shows_the_layouts_and_the_report(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", step, "--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("GRID", "LRS3", "VoxCeleb2", "report.csv", "utterances.tsv", "recipe.toml"))


@pytest.mark.parametrize("step", ["recogniser", "motion", "export", "evaluate", "whisper"])
def test_without_the_extra_one_line_says_what_to_install(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: None)
    assert main(["train", step, str(tmp_path)]) == InstallError.exit_code
    assert capsys.readouterr().err == "sonic: training needs torch and onnx: pip install 'sonic-talk[train]'\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["CLIPS", "--workers", "0"], 2, "--workers is 0"),
        (["CLIPS", "--recipe", "none.toml"], 2, "'none.toml' cannot be read"),
        (["nowhere"], 3, "is no folder"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tmp_path) if word == "CLIPS" else word for word in arguments]
    assert main(["train", "prepare", *arguments, "--work", str(tmp_path / "work")]) == code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_model_is_not_scored_without_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "find_spec", lambda name: name)
    open_workspace(tmp_path)
    assert main(["train", "evaluate", str(tmp_path), "--steps", "0"]) == 2
    assert capsys.readouterr().err == "sonic: --steps is 0; give 1 or more\n"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["train", "prepare", str(tmp_path), "--work", str(tmp_path / "file" / "work")]) == 6
    assert "cannot be made" in capsys.readouterr().err
