"""Motion -> frames: the light renderer warps the photo over a mesh and draws what it does not show."""

from sonic.render.renderer import Renderer

__all__ = ["Renderer"]
