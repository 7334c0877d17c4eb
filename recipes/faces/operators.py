"""TFLite's operators as ONNX: one function each, called by its name."""

from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray
from recipes.faces.graph import NCHW, NHWC, Graph
from recipes.faces.tensors import Operator


def dequantize(graph: Graph, op: Operator) -> None:
    """Half precision to single: the constant is widened where it is used."""
    graph.network.constants[op.outputs[0]] = graph.network.constants[op.inputs[0]]


densify = dequantize
"""Sparse to dense: done as the file was read."""


def conv_2d(graph: Graph, op: Operator) -> None:
    kernel = graph.network.single(op.inputs[1]).transpose(0, 3, 1, 2)  # OHWI
    _convolution(graph, op, kernel, 1, op.options(tflite.Conv2DOptions))


def depthwise_conv_2d(graph: Graph, op: Operator) -> None:
    kernel = graph.network.single(op.inputs[1]).transpose(3, 0, 1, 2)  # 1HWO
    _convolution(graph, op, kernel, len(kernel), op.options(tflite.DepthwiseConv2DOptions))


def _convolution(graph: Graph, op: Operator, kernel: NDArray[np.float32], groups: int, options: Any) -> None:
    size, stride = [*kernel.shape[2:]], [options.StrideH(), options.StrideW()]
    pads = _pads(options.Padding(), graph.network.shape(op.inputs[0])[1:3], size, stride)
    inputs = [graph.get(op.inputs[0]), graph.constant(kernel), graph.constant(graph.network.single(op.inputs[2]))]
    y = graph.node("Conv", inputs, kernel_shape=size, strides=stride, pads=pads, group=groups)
    graph.put(op.outputs[0], _activated(graph, y, options.FusedActivationFunction()))


def _pads(padding: int, size: list[int], kernel: list[int], stride: list[int]) -> list[int]:
    """What TFLite pads before and after: SAME puts the odd one after."""
    if padding == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride, strict=True)]
    return [*(t // 2 for t in total), *(t - t // 2 for t in total)]


def _activated(graph: Graph, name: str, activation: int) -> str:
    kinds = tflite.ActivationFunctionType
    return {kinds.NONE: lambda: name, kinds.RELU: lambda: graph.node("Relu", [name])}[activation]()


def max_pool_2d(graph: Graph, op: Operator) -> None:
    options = op.options(tflite.Pool2DOptions)
    kernel, stride = [options.FilterHeight(), options.FilterWidth()], [options.StrideH(), options.StrideW()]
    pads = _pads(options.Padding(), graph.network.shape(op.inputs[0])[1:3], kernel, stride)
    y = graph.node("MaxPool", [graph.get(op.inputs[0])], kernel_shape=kernel, strides=stride, pads=pads)
    graph.put(op.outputs[0], y)


def average_pool_2d(graph: Graph, op: Operator) -> None:
    """Only over the whole picture."""
    assert graph.network.shape(op.outputs[0])[1:3] == [1, 1]
    graph.put(op.outputs[0], graph.node("GlobalAveragePool", [graph.get(op.inputs[0])]))


def pad(graph: Graph, op: Operator) -> None:
    """Of zeros."""
    rows = graph.network.constants[op.inputs[1]][[0, 3, 1, 2]]
    graph.put(op.outputs[0], graph.node("Pad", [graph.get(op.inputs[0]), graph.ints(rows.T.ravel())]))


def add(graph: Graph, op: Operator) -> None:
    y = graph.node("Add", [graph.get(tensor) for tensor in op.inputs])
    graph.put(op.outputs[0], _activated(graph, y, op.options(tflite.AddOptions).FusedActivationFunction()))


def mul(graph: Graph, op: Operator) -> None:
    y = graph.node("Mul", [graph.get(tensor) for tensor in op.inputs])
    graph.put(op.outputs[0], _activated(graph, y, op.options(tflite.MulOptions).FusedActivationFunction()))


def relu(graph: Graph, op: Operator) -> None:
    graph.put(op.outputs[0], graph.node("Relu", [graph.get(op.inputs[0])]))


def prelu(graph: Graph, op: Operator) -> None:
    """a x + (1 - a) max(x, 0), as depthwise convolutions: onnxruntime's PRelu leaves its blocked layout, these do not.

    The landmarks then take 2.3 ms instead of 5.5.
    """
    slope = graph.network.single(op.inputs[1]).reshape(-1, 1, 1, 1)
    x, groups = graph.get(op.inputs[0]), len(slope)
    low = graph.node("Conv", [x, graph.constant(slope)], group=groups, kernel_shape=[1, 1])
    rest = [graph.node("Relu", [x]), graph.constant(1 - slope)]
    graph.put(op.outputs[0], graph.node("Add", [graph.node("Conv", rest, group=groups, kernel_shape=[1, 1]), low]))


def logistic(graph: Graph, op: Operator) -> None:
    graph.put(op.outputs[0], graph.node("Sigmoid", [graph.get(op.inputs[0])]))


def hard_swish(graph: Graph, op: Operator) -> None:
    x = graph.get(op.inputs[0])
    graph.put(op.outputs[0], graph.node("Mul", [x, graph.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)]))


def resize_bilinear(graph: Graph, op: Operator) -> None:
    options = op.options(tflite.ResizeBilinearOptions)
    centres = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
    mode = "align_corners" if options.AlignCorners() else centres
    n, h, w, c = graph.network.shape(op.outputs[0])
    inputs = [graph.get(op.inputs[0]), "", "", graph.ints([n, c, h, w])]
    graph.put(op.outputs[0], graph.node("Resize", inputs, mode="linear", coordinate_transformation_mode=mode))


def depth_to_space(graph: Graph, op: Operator) -> None:
    block = op.options(tflite.DepthToSpaceOptions).BlockSize()
    graph.put(op.outputs[0], graph.node("DepthToSpace", [graph.get(op.inputs[0])], blocksize=block, mode="DCR"))


def concatenation(graph: Graph, op: Operator) -> None:
    """Only of tensors without a layout."""
    assert len(graph.network.shape(op.outputs[0])) < 4
    axis = op.options(tflite.ConcatenationOptions).Axis()
    graph.put(op.outputs[0], graph.node("Concat", [graph.get(tensor) for tensor in op.inputs], axis=axis))


def reshape(graph: Graph, op: Operator) -> None:
    shape = graph.ints(graph.network.shape(op.outputs[0]))
    graph.put(op.outputs[0], graph.node("Reshape", [graph.get(op.inputs[0], NHWC), shape]), NHWC)


def strided_slice(graph: Graph, op: Operator) -> None:
    options, shape = op.options(tflite.StridedSliceOptions), graph.network.shape(op.inputs[0])
    assert not (options.EllipsisMask() or options.NewAxisMask() or options.ShrinkAxisMask())
    begin, end, step = (graph.network.constants[tensor].copy() for tensor in op.inputs[1:4])
    for axis, size in enumerate(shape):
        begin[axis] = 0 if options.BeginMask() >> axis & 1 else begin[axis]
        end[axis] = size if options.EndMask() >> axis & 1 else end[axis]
    places = map(graph.ints, (begin, end, range(len(shape)), step))
    graph.put(op.outputs[0], graph.node("Slice", [graph.get(op.inputs[0], NHWC), *places]), NHWC)


def convolution2dtransposebias(graph: Graph, op: Operator) -> None:
    """MediaPipe's own: a transposed convolution; its options are padding and strides as three whole numbers."""
    padding, stride_w, stride_h = (int(n) for n in np.frombuffer(op.custom, np.int32))
    kernel = graph.network.single(op.inputs[1])  # OHWI
    stride = [stride_h, stride_w]
    sizes = zip(graph.network.shape(op.inputs[0])[1:3], kernel.shape[1:3], stride, strict=True)
    total = [max(0, k - (n - 1) % s - 1) if padding == 1 else 0 for n, k, s in sizes]
    pads = [*(t // 2 for t in total), *(t - t // 2 for t in total)]
    inputs = [graph.constant(value) for value in (kernel.transpose(3, 0, 1, 2), graph.network.single(op.inputs[2]))]
    y = graph.node("ConvTranspose", [graph.get(op.inputs[0], NCHW), *inputs], strides=stride, pads=pads)
    graph.put(op.outputs[0], y)
