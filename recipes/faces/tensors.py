"""A TFLite file read with the package ``tflite``: its operators, shapes and constants."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

Array = NDArray[Any]
_KINDS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a network; inputs and outputs are numbers of tensors."""

    kind: str
    """TFLite's name in small letters, or MediaPipe's own."""
    inputs: list[int]
    outputs: list[int]
    raw: Any

    def options(self, table: Any) -> Any:
        """The builtin options, as this class of the package tflite."""
        found, options = self.raw.BuiltinOptions(), table()
        options.Init(found.Bytes, found.Pos)
        return options

    @property
    def custom(self) -> bytes:
        """The options of an operator of MediaPipe's own."""
        return bytes(self.raw.CustomOptionsAsNumpy())


class Network:
    """The one graph of a TFLite file."""

    def __init__(self, data: bytes) -> None:
        self._model = tflite.Model.GetRootAsModel(data, 0)
        self._graph = self._model.Subgraphs(0)
        self.inputs, self.outputs = _ints(self._graph.InputsAsNumpy()), _ints(self._graph.OutputsAsNumpy())
        found = {i: self._constant(i) for i in range(self._graph.TensorsLength())}
        self.constants: dict[int, Array] = {i: value for i, value in found.items() if value is not None}

    def operators(self) -> Iterator[Operator]:
        for i in range(self._graph.OperatorsLength()):
            raw = self._graph.Operators(i)
            code = self._model.OperatorCodes(raw.OpcodeIndex())
            kind = _KINDS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            kind = code.CustomCode().decode() if kind == "CUSTOM" else kind
            yield Operator(kind.lower(), _ints(raw.InputsAsNumpy()), _ints(raw.OutputsAsNumpy()), raw)

    def name(self, tensor: int) -> str:
        return str(self._graph.Tensors(tensor).Name().decode())

    def shape(self, tensor: int) -> list[int]:
        return _ints(self._graph.Tensors(tensor).ShapeAsNumpy())

    def single(self, tensor: int) -> Array:
        """A constant in single precision."""
        return self.constants[tensor].astype(np.float32)

    def _constant(self, tensor: int) -> Array | None:
        found = self._graph.Tensors(tensor)
        raw = self._model.Buffers(found.Buffer()).DataAsNumpy()
        if isinstance(raw, int):  # no data: a tensor that is computed
            return None
        values = np.frombuffer(raw.tobytes(), _DTYPES[found.Type()])
        sparsity, shape = found.Sparsity(), self.shape(tensor)
        return values.reshape(shape) if sparsity is None else _dense(values, sparsity, shape)


def _ints(numbers: Any) -> list[int]:
    """The package gives 0 for a vector that is absent."""
    return [] if isinstance(numbers, int) else [int(number) for number in numbers]


def _dense(values: Array, sparsity: Any, shape: list[int]) -> Array:
    """TFLite's sparse tensor as a dense one.

    It is stored level by level: the axes in an order of its own, then the axes within blocks; a level is dense, or
    compressed as in CSR.
    """
    order, blocks = _ints(sparsity.TraversalOrderAsNumpy()), _ints(sparsity.BlockMapAsNumpy())
    levels = [_level(sparsity.DimMetadata(k)) for k in range(sparsity.DimMetadataLength())]
    rank = len(shape)
    where, at = np.zeros((1, 0), np.int64), np.zeros(1, np.int64)
    for level in levels:
        where, at = _descend(where, at, level)
    index = [np.zeros(len(where), np.int64) for _ in shape]
    widths = {blocks[order[k] - rank]: levels[k] for k in range(rank, len(order))}
    for k, axis in enumerate(order[:rank]):
        index[axis] = where[:, k] * widths.get(axis, 1)
    for k in range(rank, len(order)):
        index[blocks[order[k] - rank]] += where[:, k]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(index)] = values[at]
    return dense


def _level(dimension: Any) -> Any:
    """Its size if it is dense, else (where each row starts, which indices it holds)."""
    if dimension.Format() == tflite.DimensionType.DENSE:
        return dimension.DenseSize()
    starts = _index(dimension.ArraySegmentsType(), dimension.ArraySegments())
    return starts, _index(dimension.ArrayIndicesType(), dimension.ArrayIndices())


def _descend(where: Array, at: Array, level: Any) -> tuple[Array, Array]:
    """From the entries of one level, their indices and places, to those of the next."""
    if isinstance(level, int):
        inner = np.tile(np.arange(level), len(where))[:, None]
        return np.concatenate([np.repeat(where, level, 0), inner], 1), (at[:, None] * level + np.arange(level)).ravel()
    starts, indices = level
    first, last = starts[at], starts[at + 1]
    at = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    return np.concatenate([np.repeat(where, last - first, 0), indices[at][:, None]], 1), at


def _index(kind: int, table: Any) -> Array:
    vector = _VECTORS[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(vector.ValuesAsNumpy(), np.int64)
