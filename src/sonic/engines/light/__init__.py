"""Engine ``light``: our own small weights on a CPU, motion from speech rendered by warping the photo."""

from typing import Any

from sonic.engines import Engine, EngineSpec
from sonic.errors import InstallError


def _load() -> Engine[Any]:
    from sonic.engines.light.engine import LightEngine

    return LightEngine()


def _diagnose() -> str:
    from sonic.weights import TABLE, read

    try:
        return f"ready, with {sum(len(read(name)) for name in TABLE) / 1e6:.1f} MB of weights"
    except InstallError as error:
        return str(error)


SPEC = EngineSpec(summary="in real time on a CPU, with its own weights", load=_load, diagnose=_diagnose)
