"""The weights that recognise captions: what is known of Whisper base as CTranslate2 reads it, and where it lies.

Sizes and SHA-256 are those of the hub's listing, as several public inventories repeat them. Whisper of any other size
in the same format is taken as well from a folder that the user names.
"""

from importlib.util import find_spec
from pathlib import Path

from sonic.downloads import Wanted
from sonic.errors import InstallError
from sonic.published import File, Licence, Part, digest, hub_cache, named_folder, snapshots

EXTRA = "captions"
PART = Part(
    "whisper-base",
    "recognises what is said and in which language: Whisper base for CTranslate2, half precision",
    "Systran/faster-whisper-base",
    "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
    (
        File("config.json", 2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
        File("tokenizer.json", 2_203_239, "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab"),
        File("vocabulary.txt", 459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
        File("model.bin", 145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
    ),
    Licence("MIT", "free, also commercially (OpenAI's weights)", "https://github.com/openai/whisper/blob/main/LICENSE"),
    n_parameters=72_593_920,
    folder="faster-whisper-base",
    extra=EXTRA,
)
_MODEL, _NEEDED = "model.bin", ("config.json", "tokenizer.json", "model.bin")
REMEDY = "`sonic weights fetch --for captions` gets them, SONIC_WEIGHTS or --caption-weights says where they are"


def find(folder: Path | None = None) -> Path | None:
    """The folder of a whole model, None where there is none. Raises InstallError if a folder is named that is none."""
    return next((place for place in places(folder) if all((place / name).is_file() for name in _NEEDED)), None)


def places(folder: Path | None = None) -> list[Path]:
    """Where the weights are looked for: the folder that is given, or SONIC_WEIGHTS; then the Hugging Face cache."""
    named, cache = named_folder(folder), hub_cache()
    below = [named, named / PART.folder, *sorted(named.glob("faster-whisper-*"))] if named else []
    return below + (snapshots(cache, PART.repository, PART.revision) if cache and cache.is_dir() else [])


def locate(folder: Path | None = None) -> Path:
    """As ``find``. Raises InstallError where program or weights are missing."""
    if find_spec("faster_whisper") is None:
        raise InstallError("recognising speech needs faster-whisper; pip install 'sonic-talk[captions]'")
    if (found := find(folder)) is None:
        raise InstallError(f"the weights that recognise speech are missing; {REMEDY}")
    return found


def can_recognise(folder: Path | None = None) -> bool:
    """Whether program and weights are there; False also where SONIC_WEIGHTS names no folder."""
    try:
        return find_spec("faster_whisper") is not None and find(folder) is not None
    except InstallError:
        return False


def missing(folder: Path | None = None) -> list[Wanted]:
    """What is to be downloaded: all, unless a whole model is found."""
    found = find(folder if folder and folder.is_dir() else None)
    return [] if found else [Wanted(PART, file) for file in PART.files]


def named(folder: Path) -> str:
    """What a model is called in records: the published one by its name, another by its hash."""
    found = digest(folder / _MODEL)
    return "Whisper base" if found == PART.files[-1].sha256 else f"a Whisper with SHA-256 {found[:12]}"


def differences(folder: Path) -> list[str]:
    """Files of a model that are not the published ones, a line each."""
    known = [(folder / file.path, file.sha256) for file in PART.files]
    return [f"{path.name} is not the published one" for path, sha256 in known if _digest(path) != sha256]


def _digest(path: Path) -> str:
    return digest(path) if path.is_file() else ""
