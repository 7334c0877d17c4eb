"""Motion -> frames: the light renderer warps the photo over a mesh and draws what it does not show."""

from sonic.engines.light.renderers.warp.renderer import Renderer

__all__ = ["Renderer"]
