"""Recipe of the pack as people install it: a folder, and a ZIP of it, that go into ComfyUI's custom_nodes as they are.

    python recipes/comfyui/make_pack.py dist/sonic-talk-nodes dist/sonic_talk-*.whl

The folder is what a repository of the pack alone holds: nodes, locales, templates, README and LICENSE, no recipes.
The wheels of sonic-talk that are given lie in it and are what its requirements.txt installs, each on its platform;
without wheels, requirements.txt names the package as an index would have it.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACK = ROOT / "comfyui"
LEFT_OUT = ("__pycache__", "*.pyc")
IN_THIS_FOLDER = "# Run pip in this folder: the paths below start here.\n"
PLATFORMS = {
    r"manylinux.*_x86_64|linux_x86_64": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    r"manylinux.*_aarch64|linux_aarch64": "sys_platform == 'linux' and platform_machine == 'aarch64'",
    r"macosx_.*_arm64": "sys_platform == 'darwin' and platform_machine == 'arm64'",
    r"macosx_.*_x86_64": "sys_platform == 'darwin' and platform_machine == 'x86_64'",
    r"win_amd64": "sys_platform == 'win32' and platform_machine == 'AMD64'",
    r"any": "",
}
"""The platform tag of a wheel -> where pip may take it."""


def make_pack(folder: Path, wheels: list[Path]) -> Path:
    """Write the pack to ``folder``, which must not exist, and beside it as a ZIP; returns the ZIP."""
    shutil.copytree(PACK, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in ("LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder / name)
    if wheels:
        (folder / "wheels").mkdir()
        for wheel in wheels:
            shutil.copy(wheel, folder / "wheels")
        (folder / "requirements.txt").write_text("".join([IN_THIS_FOLDER, *map(requirement, wheels)]), encoding="utf-8")
    return Path(shutil.make_archive(str(folder), "zip", root_dir=folder.parent, base_dir=folder.name))


def requirement(wheel: Path) -> str:
    """The line of requirements.txt that installs this wheel from the pack's own folder. Raises ValueError."""
    tag = wheel.stem.split("-")[-1]
    for pattern, marker in PLATFORMS.items():
        if re.fullmatch(pattern, tag.split(".")[-1]):
            return f"./wheels/{wheel.name}" + (f" ; {marker}\n" if marker else "\n")
    raise ValueError(f"{wheel.name} is for a platform that no marker is known for: {tag}")


if __name__ == "__main__":
    print(make_pack(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))
