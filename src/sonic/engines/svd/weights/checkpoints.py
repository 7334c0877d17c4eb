"""Where the published weights lie, in any of the layouts that people have, and what is in them.

Looked for, in this order, each part for itself: the folder that is given, or that SONIC_WEIGHTS names; ComfyUI's models
folder (the given folder may be ComfyUI itself); the Hugging Face cache. A safetensors file goes before a pickle of the
same part. Nothing is downloaded here, and PyTorch is imported only by ``Located.state``.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.engines.svd.weights import tensorfiles
from sonic.engines.svd.weights.catalogue import CONFIGS, PARTS, SONIC, SVD, WHISPER
from sonic.errors import InstallError
from sonic.files import read_small_text
from sonic.published import digest, has_home, hub_cache, named_folder, snapshots
from sonic.types import OnProgress, Progress

if TYPE_CHECKING:
    from torch import Tensor

COMFYUI_FOLDERS = ("ComfyUI", "comfy/ComfyUI")
_MAX_TEXT_BYTES = 1024**2
"""Below the user's home: by hand, and by ComfyUI's own installer."""
_SONIC_HOMES = (".", "Sonic", "sonic", "models/sonic", "models/sonic/Sonic", "checkpoints/Sonic", "checkpoints")
_SVD_HOMES = (
    ".",
    "stable-video-diffusion-img2vid-xt*",
    "checkpoints/stable-video-diffusion-img2vid-xt*",
    "models/stable-video-diffusion-img2vid-xt*",
    "models/diffusers/stable-video-diffusion-img2vid-xt*",
    "models/sonic/stable-video-diffusion-img2vid-xt*",
)
_WHISPER_HOMES = ("whisper-tiny", "checkpoints/whisper-tiny", "models/sonic/whisper-tiny", "models/whisper-tiny")
_SINGLE_FILES = ("svd_xt*.safetensors", "checkpoints/svd_xt*.safetensors", "models/checkpoints/**/svd_xt*.safetensors")
_REVISIONS = {part.repository: part.revision for part in PARTS.values()}
_STEMS = {"vae": "diffusion_pytorch_model", "image_encoder": "model", "whisper": "model"}
_ENDINGS = ("safetensors", "fp16.safetensors", "bin")


@dataclass(frozen=True, slots=True)
class Located:
    """The files of every part, found."""

    files: Mapping[str, Path]
    """Part -> file of its weights; two parts can share one. ``scheduler`` has none."""
    configs: Mapping[str, Path]
    """Part -> its config.json, where there is one."""

    def config(self, part: str) -> dict[str, Any]:
        """Constructor arguments of a part, in the words of diffusers or transformers.

        From its config.json, else the published size; of the audio networks, from the shapes in their file.
        Raises InstallError if the file cannot be read.
        """
        if part in ("audio2token", "audio2bucket"):
            return self._audio_config(part)
        if part not in self.configs:
            return dict(CONFIGS[part])
        file = self.configs[part]
        try:
            config = json.loads(read_small_text(file, _MAX_TEXT_BYTES))
            return {name: value for name, value in config.items() if not name.startswith("_")}
        except (OSError, ValueError, AttributeError) as error:
            raise InstallError(f"{file} cannot be read as JSON settings; {tensorfiles.REMEDY}") from error

    def shapes(self, part: str) -> dict[str, tuple[int, ...]]:
        """Tensor name -> shape of a part, as ``state`` would give it. A pickle needs PyTorch."""
        if self._in_single_file(part):
            from sonic.engines.svd.weights import single_file

            return single_file.shapes(self.files[part], part, self.config(part))
        return _renamed(part, tensorfiles.shapes(self.files[part]))

    def state(self, part: str) -> "dict[str, Tensor]":
        """Tensor name -> tensor of a part, on the host, as the file stores it; names as the network has them.

        Needs PyTorch. Raises InstallError if the file is damaged or holds more than tensors.
        """
        if self._in_single_file(part):
            from sonic.engines.svd.weights import single_file

            return single_file.state(self.files[part], part, self.config(part))
        return _renamed(part, tensorfiles.tensors(self.files[part]))

    def digests(self, on_progress: OnProgress = lambda report: None) -> dict[str, str]:
        """``part/file`` -> SHA-256 of all that was found, weights and settings: for the record beside the video."""
        found = {f"{part}/{file.name}": file for files in (self.configs, self.files) for part, file in files.items()}
        digests = {}
        for done, (name, file) in enumerate(sorted(found.items())):
            on_progress(Progress("weights", done, len(found)))
            digests[name] = digest(file)
        on_progress(Progress("weights", len(found), len(found)))
        return digests

    def _audio_config(self, part: str) -> dict[str, Any]:
        """Of two small networks that have no config.json: what their first layer's shape tells."""
        config = dict(CONFIGS[part])
        try:
            found = tensorfiles.shapes(self.files[part])
            config["intermediate_dim"], n_in = found["proj1.weight"]
            if part == "audio2token":
                (config["output_dim"],) = found["norm.weight"]
            else:
                config["clip_channels"] = self.config("unet")["cross_attention_dim"]
        except (KeyError, ValueError) as error:
            raise InstallError(f"weights of {part} are those of another network; {tensorfiles.REMEDY}") from error
        config["channels"] = (n_in - config.get("clip_channels", 0)) // (config["seq_len"] * config["blocks"])
        return config

    def _in_single_file(self, part: str) -> bool:
        return part in ("vae", "image_encoder") and self.files[part].name.startswith("svd_xt")


def locate(folder: Path | None = None) -> Located:
    """Every part's files. Raises InstallError that names each missing part and where it was looked for."""
    located = search(folder)
    missing = [name for name in PARTS if name != "scheduler" and name not in located.files]
    if missing:
        places = (
            ", ".join(str(root) for root in roots(folder)) or "nowhere: no folder is given and none of the usual is"
        )
        raise InstallError(
            f"weights of engine svd are missing: {', '.join(missing)}; looked in {places}; "
            "`sonic weights fetch` gets them, weights_folder says where they are"
        )
    return located


def search(folder: Path | None = None) -> Located:
    """What is there of the parts, be it nothing. Raises InstallError if a folder is none or cannot be read."""
    files: dict[str, Path] = {}
    configs: dict[str, Path] = {}
    for root in roots(folder):
        try:
            for part, file in _weights_in(root):
                if part not in files:
                    files[part] = file
                    _add_configs(part, file, configs)
        except OSError as error:
            raise InstallError(f"weights cannot be looked for in {root}: {error.strerror}; make it readable") from error
    return Located(files, configs)


def pickles(folder: Path | None = None) -> dict[str, Path]:
    """Part -> its pickle, also where a safetensors file beside it goes before it: what can be converted."""
    found = {}
    for part, file in search(folder).files.items():
        stem = file.name.removesuffix(".fp16.safetensors").removesuffix(file.suffix)
        beside = [file.with_name(stem + ending) for ending in tensorfiles.PICKLES]
        if here := [path for path in beside if path.is_file()]:
            found[part] = here[0]
    return found


def roots(folder: Path | None = None) -> list[Path]:
    """The folders that are searched, first to last, those that exist.

    Raises InstallError if the given folder, or what SONIC_WEIGHTS names, is none.
    """
    named = named_folder(folder)
    usual = [Path.home() / name for name in COMFYUI_FOLDERS] if has_home() else []
    found = [*_with_comfyui(named), *(p for p in [*usual, hub_cache()] if p is not None and p.is_dir())]
    return list(dict.fromkeys(found))


def _with_comfyui(named: Path | None) -> list[Path]:
    """The named folder; with ComfyUI's ``models`` or ``models/sonic``, ComfyUI as well."""
    if named is None:
        return []
    models = named.parent if named.name == "sonic" else named
    return [named, models.parent] if models.name == "models" else [named]


def _weights_in(root: Path) -> Iterator[tuple[str, Path]]:
    """(Part, file) of all that lies below a folder, what is to be preferred first."""
    for home in [*_homes(root, _SONIC_HOMES), *_snapshots(root, SONIC, ("Sonic", "."))]:
        for part in ("unet", "audio2token", "audio2bucket"):
            yield from _first(part, home, part, ("safetensors", "fp16.safetensors", "pth"))
        for place in (home / "RIFE", home.parent / "RIFE", home):
            yield from _first("flownet", place, "flownet", ("safetensors", "pkl"))
    for home in [*_homes(root, _SVD_HOMES), *_snapshots(root, SVD, (".",))]:
        if home == root and not (root / "image_encoder").is_dir():
            continue  # ComfyUI's models have a folder vae too, for any model's
        for part in ("vae", "image_encoder"):
            yield from _first(part, home / part, _STEMS[part], _ENDINGS)
    for home in [*_homes(root, _WHISPER_HOMES), *_snapshots(root, WHISPER, (".",))]:
        yield from _first("whisper", home, _STEMS["whisper"], _ENDINGS)
    yield from _in_single_files(root)


def _in_single_files(root: Path) -> Iterator[tuple[str, Path]]:
    for file in (file for pattern in _SINGLE_FILES for file in sorted(root.glob(pattern))):
        if "image_decoder" not in file.name:  # its decoder knows no time
            yield "vae", file
            yield "image_encoder", file


def _homes(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    return [home for pattern in patterns for home in ([root] if pattern == "." else sorted(root.glob(pattern)))]


def _snapshots(root: Path, repository: str, places: tuple[str, ...]) -> list[Path]:
    return [found / place for found in snapshots(root, repository, _REVISIONS[repository]) for place in places]


def _first(part: str, folder: Path, stem: str, endings: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for ending in endings:
        file = folder / f"{stem}.{ending}"
        if file.is_file():
            yield part, file
            return


def _add_configs(part: str, file: Path, configs: dict[str, Path]) -> None:
    """The settings that lie beside a part's weights; with those of the VAE, the UNet's and the scheduler's."""
    beside = {part: file.parent / "config.json"} if part in _STEMS else {}
    if part == "vae":
        svd = file.parent.parent
        beside |= {"unet": svd / "unet" / "config.json", "scheduler": svd / "scheduler" / "scheduler_config.json"}
    configs |= {name: path for name, path in beside.items() if path.is_file()}


def _renamed(part: str, found: dict[str, Any]) -> dict[str, Any]:
    """Names as the network has them: files of RIFE and Whisper carry the name of what the network was wrapped in."""
    wrapping = {"flownet": "module.", "whisper": "model."}.get(part, "")
    renamed = {name.removeprefix(wrapping): value for name, value in found.items()}
    # Kept by other programs, and not by this network: Whisper's output layer, CLIP's row numbers.
    return {name: v for name, v in renamed.items() if name != "proj_out.weight" and not name.endswith("position_ids")}
