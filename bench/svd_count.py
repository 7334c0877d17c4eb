"""Operations and live bytes of a network, counted on the meta device: real shapes, no numbers, any machine.

Live bytes: each storage is counted from the operation that makes it until the last tensor on it is gone; the peak is
the most that was alive at once, an operation's inputs and outputs together. Weights are not part of it. An attention
call is counted as the one fused kernel that it is on a GPU (flash or memory-efficient): its result is allocated, the
matrix of query times key is not. What a kernel allocates inside (workspaces of cuDNN and cuBLAS) is not seen.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


@dataclass
class Count:
    """What one call of a network costs."""

    peak_bytes: int = 0
    peak_at: str = ""
    """The operation at which the peak was reached."""
    operations: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(flops, bytes read and written) -> how many operations cost just that; no fusion, no cache."""

    @property
    def flops(self) -> int:
        """Of matrix products, convolutions and attention; a multiplication with an addition is two."""
        return sum(flops * n for (flops, _), n in self.operations.items())

    @property
    def moved_bytes(self) -> int:
        return sum(moved * n for (_, moved), n in self.operations.items())


def count(call: Callable[[], Any], *, attention: Callable[[Count], TorchFunctionMode] | None = None) -> Count:
    """Costs of ``call``. What it makes before its networks run, its arguments, is alive too and counts."""
    result = Count()
    with torch.no_grad(), (attention or FusedAttention)(result), _Live(result):
        kept = call()
    del kept
    return result


class FusedAttention(TorchFunctionMode):
    """Attention as one kernel: (batch, heads, queries, width) -> the same shape, nothing else allocated."""

    def __init__(self, result: Count) -> None:
        super().__init__()
        self.result = result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.nn.functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        query, key, value = (*args, *(kwargs or {}).values())[:3]
        made = torch.empty_like(query)
        flops = 2 * query.numel() // query.shape[-1] * key.shape[-2] * (query.shape[-1] + value.shape[-1])
        self.result.operations[flops, _bytes((query, key, value, made))] += 1
        return made


class PlainAttention(TorchFunctionMode):
    """Attention as matrix products with a softmax between: what it cost before fused kernels."""

    def __init__(self, result: Count) -> None:
        super().__init__()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not torch.nn.functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        query, key, value = (*args, *(kwargs or {}).values())[:3]
        return ((query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)).softmax(-1) @ value


class _Live(TorchDispatchMode):
    """Follows every storage from its birth to its end."""

    def __init__(self, result: Count) -> None:
        super().__init__()
        self.result = result
        self.live: dict[int, int] = {}
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        inputs, outputs = ([t for t in tree_leaves(x) if isinstance(t, torch.Tensor)] for x in ((args, kwargs), out))
        given = {_key(t) for t in inputs}
        fresh = [t for t in outputs if _key(t) not in given]
        for tensor in fresh:
            self._born(tensor)
        if self.bytes > self.result.peak_bytes:
            self.result.peak_bytes, self.result.peak_at = self.bytes, f"{func} {[tuple(t.shape) for t in outputs]}"
        if (fresh and inputs) or func._schema.is_mutable:  # a view moves nothing, an allocation neither
            flops = flop_registry[func._overloadpacket](*args, **kwargs, out_val=out) if _counted(func) else 0
            self.result.operations[int(flops), _bytes((*inputs, *outputs))] += 1
        return out

    def _born(self, tensor: torch.Tensor) -> None:
        key, storage = _key(tensor), tensor.untyped_storage()
        if key not in self.live:
            self.live[key] = storage.nbytes()
            self.bytes += self.live[key]
            weakref.finalize(storage, self._gone, key)

    def _gone(self, key: int) -> None:
        self.bytes -= self.live.pop(key, 0)


def _counted(func: Any) -> bool:
    return func._overloadpacket in flop_registry


def _key(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(t.numel() * t.element_size() for t in tensors)
