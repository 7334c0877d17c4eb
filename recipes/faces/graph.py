"""An ONNX graph that grows node by node; weights in half precision stay so, and 4-D tensors have either layout."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from recipes.faces.tensors import Network

OPSET, IR = 17, 8
NCHW, NHWC, RAW = "NCHW", "NHWC", "RAW"
"""Layouts; RAW are tensors that have none."""
_TURN = {NCHW: [0, 3, 1, 2], NHWC: [0, 2, 3, 1]}
_SMALL = 8
"""Constants of so many numbers are not worth a Cast."""


class Graph:
    """The network as ONNX: NCHW inside, TFLite's names and shapes (NHWC) at the ends."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._names: dict[tuple[int, str], str] = {}
        self._count = 0
        for tensor in network.inputs:
            self.put(tensor, network.name(tensor), NHWC)

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        """Append a node; the name of its output."""
        name = self._fresh(op.lower())
        self._nodes.append(helper.make_node(op, inputs, [name], **attributes))
        return name

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        """A constant; single precision is stored as half where that loses nothing, and widened as it is loaded."""
        value = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        name = self._fresh("constant")
        half = value.astype(np.float16) if value.dtype == np.float32 and value.size > _SMALL else None
        if half is None or not np.array_equal(half, value):
            self._constants.append(numpy_helper.from_array(value, name))
            return name
        self._constants.append(numpy_helper.from_array(half, name))
        return self.node("Cast", [name], to=TensorProto.FLOAT)

    def floats(self, value: Any) -> str:
        return self.constant(np.asarray(value, np.float32))

    def ints(self, value: Any) -> str:
        return self.constant(np.asarray(value, np.int64))

    def put(self, tensor: int, name: str, layout: str = NCHW) -> None:
        """Say which ONNX value a tensor of the network is."""
        self._names[tensor, layout if len(self.network.shape(tensor)) == 4 else RAW] = name

    def get(self, tensor: int, layout: str = NCHW) -> str:
        """The ONNX value of a tensor of the network; one of 4 dimensions in this layout."""
        layout = layout if len(self.network.shape(tensor)) == 4 else RAW
        if (tensor, layout) not in self._names:
            if tensor in self.network.constants:
                value = self.network.single(tensor)
                name = self.constant(value.transpose(_TURN[NCHW]) if layout == NCHW else value)
            else:
                other = NHWC if layout == NCHW else NCHW
                name = self.node("Transpose", [self._names[tensor, other]], perm=_TURN[layout])
            self.put(tensor, name, layout)
        return self._names[tensor, layout]

    def model(self, name: str, source: str) -> onnx.ModelProto:
        """The finished file, checked."""
        for tensor in self.network.outputs:
            self._nodes.append(helper.make_node("Identity", [self.get(tensor, NHWC)], [self.network.name(tensor)]))
        inputs, outputs = ([self._value(t) for t in tensors] for tensors in (self.network.inputs, self.network.outputs))
        graph = helper.make_graph(self._nodes, name, inputs, outputs, self._constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR, producer_name="sonic", doc_string=source)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _value(self, tensor: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(self.network.name(tensor), TensorProto.FLOAT, self.network.shape(tensor))

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"
