"""``sonic weights`` as a person meets it: without PyTorch, without a network, and never downloading unasked."""

import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors_files

from sonic import downloads
from sonic.apps.cli import main
from sonic.captions import recogniser_weights
from sonic.downloads import Wanted
from sonic.engines import engine_spec
from sonic.engines.svd.weights import catalogue, check, checkpoints, fetch
from sonic.engines.svd.weights.catalogue import PARTS
from sonic.errors import InstallError, OutputError, SettingError
from sonic.published import Part, hub_cache
from sonic.weights import TABLE

ACTIONS = ("list", "check", "where", "fetch", "convert")
CONTENT = b"a few bytes"


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


class Hub:
    """Downloads in place of the network's."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.breaks_at = ""
        self.content = CONTENT

    def __call__(self, item: Wanted, folder: Path | None) -> Path:
        if item.file.path == self.breaks_at:
            raise KeyboardInterrupt
        root = folder / item.part.folder if folder else cache_of(item.part)
        file = root / item.file.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.content)
        self.got.append(f"{item.part.repository}/{item.file.path}")
        return file


def cache_of(part: Part) -> Path:
    """A repository's snapshot in the cache."""
    cache = hub_cache()
    assert cache is not None
    return cache / f"models--{part.repository.replace('/', '--')}" / "snapshots" / (part.revision or "main")


@pytest.fixture(autouse=True)
def _no_weights_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nobody")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """No network, and published files that are a few bytes long."""
    made = Hub()
    digest = hashlib.sha256(CONTENT).hexdigest()

    def small(part: Part) -> Part:
        files, half = (
            tuple(replace(file, n_bytes=len(CONTENT), sha256=digest if file.sha256 else None) for file in some)
            for some in (part.files, part.half)
        )
        return replace(part, files=files, half=half)

    monkeypatch.setattr(fetch, "PARTS", {name: small(part) for name, part in PARTS.items()})
    monkeypatch.setattr(downloads, "from_hub", made)
    monkeypatch.setattr(downloads, "require_hub", lambda extra: None)
    return made


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))


def published(folder: Path) -> Path:
    """All parts at full size, of holes instead of numbers; names are not those of the networks, but as many."""
    for name, part in PARTS.items():
        if not part.n_tensors:
            continue
        shapes = {f"t{i}": (1,) for i in range(part.n_tensors - 1)}
        shapes["rest"] = (part.n_parameters - part.n_tensors + 1,)
        stem = {
            "flownet": "RIFE/flownet",
            "vae": "stable-video-diffusion-img2vid-xt/vae/diffusion_pytorch_model",
            "image_encoder": "stable-video-diffusion-img2vid-xt/image_encoder/model",
            "whisper": "whisper-tiny/model",
        }.get(name, f"Sonic/{name}")
        safetensors_files.write(folder / f"{stem}.safetensors", shapes)
    return folder


def test_help_shows_the_actions_the_layouts_and_the_terms(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["weights", "--help"])
    text = capsys.readouterr().out
    for words in (*ACTIONS, "forbid commercial use", "SONIC_WEIGHTS", "models/sonic", "svd_xt.safetensors", "HF_HOME"):
        assert words in text


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["weights", action, "--help"])
    assert stopped.value.code == 0
    assert "usage: sonic weights " + action in capsys.readouterr().out


def test_list_shows_every_file_with_its_licence_and_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    text = capsys.readouterr().out
    for entry in TABLE.values():
        assert entry.file in text
    for part in PARTS.values():
        assert part.licence.name in text
        assert all(f"{part.repository}/{file.path}" in text for file in part.files)
    assert "SHA-256 not known" in text
    assert "NOT FOR COMMERCIAL USE" in text


def test_list_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unet.pth").touch()
    assert main(["weights", "list", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["svd"]["unet"]["found"] == str(tmp_path / "unet.pth")
    assert found["svd"]["vae"]["found"] is None
    assert found["svd"]["whisper"]["files"][-1]["n_bytes"] == 151_061_672
    assert found["light"]["lips"]["licence"] == "Apache-2.0"
    assert found["light"]["whisper"]["licence"] == "MIT (OpenAI)"


def test_where_shows_files_and_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unet.pth").touch()
    assert main(["weights", "where", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["unet", str(tmp_path / "unet.pth")]
    assert lines[1].split() == ["audio2token", "missing"]
    assert f"  {tmp_path}" in lines


@pytest.mark.parametrize("action", ["list", "check", "where", "convert"])
def test_a_folder_that_is_not_there_is_one_line(
    action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: name)
    assert main(["weights", action, "nowhere"]) == InstallError.exit_code
    error = capsys.readouterr().err.splitlines()
    assert error[-1] == "sonic: weights folder nowhere is not a folder; name one, or leave it out"


# check


def test_check_without_pytorch_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    monkeypatch.setattr(check, "digest", lambda file: "0" * 64)
    unknown = {n: replace(p, files=(), half=()) for n, p in PARTS.items()}
    monkeypatch.setattr(check, "PARTS", unknown)
    assert main(["weights", "check", str(published(tmp_path)), "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["good"]
    for part in result["parts"]:
        assert part["good"] == ["the number of tensors and of parameters"]
        assert part["unknown"] == ["SHA-256: none is known", "each name and shape: needs the extra gpu"]


def test_check_ends_with_7_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    safetensors_files.write(tmp_path / "unet.safetensors", {"a": (2, 3)})
    (tmp_path / "whisper-tiny").mkdir()
    (tmp_path / "whisper-tiny/model.safetensors").write_bytes(b"cut")
    assert main(["weights", "check", str(tmp_path)]) == InstallError.exit_code
    shown = capsys.readouterr()
    assert "holds 1 tensors of 6 numbers where 1,492 of 1,575,741,162 belong" in shown.out
    assert "are no safetensors file or are damaged" in shown.out
    assert "SHA-256 is" in shown.out
    assert "vae            PROBLEM" in shown.out
    assert shown.err.splitlines()[-1].startswith("sonic: not the published weights, or not all: unet, ")


# fetch


def test_fetch_shows_files_sizes_and_terms_and_asks(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, "yes\n")
    assert main(["weights", "fetch"]) == 0
    shown = capsys.readouterr()
    for words in ("Sonic/unet.pth  (CC BY-NC-SA 4.0)", "no commercial use", "NOT FOR COMMERCIAL USE", "free", "[y/N]"):
        assert words in shown.err
    assert len(hub.got) == len({*hub.got}) == sum(len(part.files) for part in PARTS.values())
    assert "sonic weights check" in shown.out


@pytest.mark.parametrize("answer", ["\n", "n\n", "no\n", "", "yess\n"])
def test_without_a_yes_nothing_is_downloaded(
    answer: str, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, answer)
    assert main(["weights", "fetch"]) == 0
    assert not hub.got
    assert capsys.readouterr().out == "nothing was downloaded\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_where_nobody_can_answer_it_is_an_error(
    options: list[str], hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n") if options else io.StringIO("y\n"))
    assert main(["weights", "fetch", *options]) == SettingError.exit_code
    assert not hub.got
    assert "--yes" in "".join(capsys.readouterr())


def test_what_was_downloaded_is_found_and_not_fetched_again(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "weights"
    assert main(["weights", "fetch", "--yes", "--folder", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out
    assert sorted(checkpoints.locate(folder).files) == sorted(n for n, p in PARTS.items() if p.n_tensors)
    hub.got.clear()
    assert main(["weights", "fetch", "--yes", "--folder", str(folder)]) == 0
    assert not hub.got
    assert "nothing is missing" in capsys.readouterr().out


def test_the_cache_is_filled_in_its_own_layout(hub: Hub) -> None:
    assert main(["weights", "fetch", "--yes", "--json"]) == 0
    assert sorted(checkpoints.locate().configs) == ["image_encoder", "scheduler", "unet", "vae", "whisper"]


def test_half_precision_is_fetched_where_it_is_published(hub: Hub) -> None:
    assert main(["weights", "fetch", "--yes", "--half"]) == 0
    names = {Path(name).name for name in hub.got}
    assert {"diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors", "unet.pth"} <= names
    assert "diffusion_pytorch_model.safetensors" not in names


def test_only_what_is_missing_is_fetched(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("unet.pth", "audio2token.pth", "audio2bucket.pth", "flownet.pkl", "svd_xt.safetensors"):
        (tmp_path / name).touch()
    monkeypatch.setenv("SONIC_WEIGHTS", str(tmp_path))
    assert main(["weights", "fetch", "--yes"]) == 0
    assert {name.rsplit("/", 1)[0] for name in hub.got} == {"openai/whisper-tiny"}


def test_ctrl_c_keeps_what_is_there_and_says_how_to_go_on(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.breaks_at = "RIFE/flownet.pkl"
    assert main(["weights", "fetch", "--yes"]) == 130
    assert "run the same command again to resume" in capsys.readouterr().err
    assert sorted(checkpoints.search().files) == ["audio2bucket", "audio2token", "unet"]
    hub.breaks_at = ""
    hub.got.clear()
    assert main(["weights", "fetch", "--yes"]) == 0
    assert hub.got[0] == "LeonJoe13/Sonic/RIFE/flownet.pkl"


def test_a_disk_without_room_is_said_before_anything_is_downloaded(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch, "PARTS", PARTS)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**10, 10**10, 10**9))  # type: ignore[attr-defined]
    assert main(["weights", "fetch", "--yes", "--folder", str(tmp_path)]) == OutputError.exit_code
    assert "has 1.0 GB free where 9.7 GB are needed" in capsys.readouterr().err
    assert not hub.got


def test_a_file_that_is_not_the_published_one_is_not_taken(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    hub.content = b"other bytes"
    assert main(["weights", "fetch", "--yes"]) == InstallError.exit_code
    assert "flownet.pkl is not the published file" in capsys.readouterr().err


def test_without_the_extra_fetch_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["weights", "fetch", "--yes"]) == InstallError.exit_code
    assert capsys.readouterr().err == "sonic: downloading needs huggingface_hub; pip install 'sonic-talk[gpu]'\n"


def test_without_the_extra_convert_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: None)
    assert main(["weights", "convert"]) == InstallError.exit_code
    assert "pip install 'sonic-talk[gpu]'" in capsys.readouterr().err


def test_the_sizes_that_people_are_told() -> None:
    total = sum(part.n_bytes for part in catalogue.PARTS.values())
    assert round(total / 1e9, 1) == 9.7


# captions


def test_the_recogniser_is_fetched_only_where_it_is_asked_for(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    files = tuple(replace(f, n_bytes=len(CONTENT), sha256=digest) for f in recogniser_weights.PART.files)
    monkeypatch.setattr(recogniser_weights, "PART", replace(recogniser_weights.PART, files=files))
    folder = tmp_path / "weights"
    assert main(["weights", "check", "--for", "captions"]) == InstallError.exit_code
    assert "fetch --for captions" in capsys.readouterr().err
    assert main(["weights", "fetch", "--for", "captions", "--yes", "--folder", str(folder)]) == 0
    assert {name.rsplit("/", 1)[0] for name in hub.got} == {"Systran/faster-whisper-base"}
    assert "--caption-weights" in capsys.readouterr().out
    assert recogniser_weights.find(folder) == folder / "faster-whisper-base"
    assert main(["weights", "check", "--for", "captions", str(folder)]) == 0
    assert main(["weights", "where", "--for", "captions", str(folder)]) == 0
    assert str(folder / "faster-whisper-base") in capsys.readouterr().out
    (folder / "faster-whisper-base" / "model.bin").write_bytes(b"another")
    assert main(["weights", "check", "--for", "captions", str(folder)]) == InstallError.exit_code
    assert "model.bin is not the published one" in capsys.readouterr().out


# doctor


@pytest.mark.parametrize(
    ("extra", "weights", "words"),
    [
        (False, False, "extra gpu is missing (torch, diffusers, transformers, safetensors)"),
        (True, False, "weights are missing: unet, audio2token, audio2bucket, flownet, vae, image_encoder, whisper"),
        (True, True, "weights found"),
    ],
)
def test_doctor_says_in_one_line_whether_engine_svd_can_run(
    extra: bool, weights: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "find_spec", lambda name: name if extra else None)
    if weights:
        monkeypatch.setenv("SONIC_WEIGHTS", str(published(tmp_path)))
    line = engine_spec("svd").diagnose()
    assert words in line
    assert "\n" not in line


def test_doctor_survives_a_folder_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONIC_WEIGHTS", "gone")
    assert "gone is not a folder" in engine_spec("svd").diagnose()
