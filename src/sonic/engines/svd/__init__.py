"""Engine ``svd``: the published Sonic weights on Stable Video Diffusion, exact to the tensor (extra ``gpu``)."""

from typing import Any

from sonic.engines import Engine, EngineSpec


def _load() -> Engine[Any]:
    from sonic.engines.svd.engine import SvdEngine

    return SvdEngine()


def _diagnose() -> str:
    from sonic.engines.svd.weights.check import state

    return state()


def _lacks() -> str:
    from sonic.engines.svd.weights.check import lacks

    return lacks()


SPEC = EngineSpec(summary="the published weights, on a GPU", load=_load, diagnose=_diagnose, extra="gpu", lacks=_lacks)
