"""What ComfyUI asks the pack for: its nodes, and what happens when it is loaded."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from comfy_api.latest import ComfyExtension, io

HERE = Path(__file__).parent
INSTALL = f'Sonic\'s nodes need their library; in {HERE} run: "{sys.executable}" -m pip install -r requirements.txt'
EXAMPLES = {"sonic-demo-portrait.png": "PORTRAIT", "sonic-demo-speech.flac": "SPEECH"}
"""Names in ComfyUI's input folder -> the files of sonic.demo; the example workflows start from them."""


class SonicExtension(ComfyExtension):
    """All nodes of the category Sonic."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """In the order of the work."""
        from .nodes import NODES

        _stay_in_comfyui()
        _put_examples()  # not in on_load(), which older releases do not call
        return list(NODES)


def _stay_in_comfyui() -> None:
    """What is kept of stopped denoising lies among ComfyUI's own files, where the user does not say otherwise."""
    import folder_paths

    os.environ.setdefault("SONIC_CACHE", str(Path(folder_paths.get_user_directory()) / "sonic"))


def _put_examples() -> None:
    """The fictional portrait and her recording into ComfyUI's input folder, where they are not there yet."""
    import folder_paths

    from sonic import demo

    folder = Path(folder_paths.get_input_directory())
    for name, constant in EXAMPLES.items():
        if folder.is_dir() and not (folder / name).exists():
            shutil.copyfile(getattr(demo, constant), folder / name)


async def comfy_entrypoint() -> SonicExtension:
    """The extension; ComfyUI shows the message where the library is missing."""
    if find_spec("sonic") is None:
        raise ImportError(INSTALL)
    return SonicExtension()
