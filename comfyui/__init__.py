"""Sonic for ComfyUI: one portrait and one recording become a labelled, signed video of the portrait speaking.

The nodes call the library ``sonic`` (pip install sonic-talk) and hold no logic of their own. Nothing heavy is imported
until a node runs.
"""

from .extension import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
__version__ = "0.1.0"
