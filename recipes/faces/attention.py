"""MediaPipe's own operators of the landmarks with attention, as ONNX.

An eye or the mouth is looked at more closely: a part of the picture's features, placed by the first guess of the
landmarks, is resampled, and what is found there is moved back.
"""

import numpy as np
from flatbuffers import flexbuffers
from onnx import TensorProto
from recipes.faces.graph import Graph
from recipes.faces.tensors import Operator


def landmarks2transformmatrix(graph: Graph, op: Operator) -> None:
    """(1, N, 3) landmarks -> (1, 4, 4) M: where a pixel (x, y) of the closer look lies in the plane of the landmarks.

    b is the angle from landmark L to R. The subset, turned by -b, has a box (low, high); with
    s = scale (high - low) / size, M = shift(turn(b) middle) turn(b) diag(s) shift(-size / 2).
    """
    options = flexbuffers.Loads(op.custom)
    assert options["target_rotation_radians"] == 0
    size = np.array([options["output_width"], options["output_height"]], np.float32)
    scale = np.array([options["scale_x"], options["scale_y"]], np.float32)
    points = graph.node("Slice", [graph.get(op.inputs[0]), *map(graph.ints, ([0], [2], [2]))])
    turn = _turn(graph, points, options["left_rotation_idx"], options["right_rotation_idx"])
    # points are rows, so that rows @ turn are the points turned by -b, and rows @ turn^T by b
    turned = graph.node("MatMul", [graph.node("Gather", [points, graph.ints(options["subset_idxs"])], axis=1), turn])
    high, low = (graph.node(f, [turned], axes=[1], keepdims=0) for f in ("ReduceMax", "ReduceMin"))
    middle = graph.node("Mul", [graph.node("Add", [high, low]), graph.floats(0.5)])
    centre = graph.node("MatMul", [middle, graph.node("Transpose", [turn], perm=[1, 0])])
    spread = graph.node("Mul", [graph.node("Sub", [high, low]), graph.floats((scale / size)[None])])
    linear = graph.node("Mul", [turn, spread])
    half = graph.node("MatMul", [graph.floats(size[None] / 2), graph.node("Transpose", [linear], perm=[1, 0])])
    shift = graph.node("Reshape", [graph.node("Sub", [centre, half]), graph.ints([2, 1])])
    rows = graph.node("Concat", [linear, graph.floats(np.zeros((2, 1))), shift], axis=1)
    matrix = graph.node("Concat", [rows, graph.floats([[0, 0, 1, 0], [0, 0, 0, 1]])], axis=0)
    graph.put(op.outputs[0], graph.node("Reshape", [matrix, graph.ints([1, 4, 4])]))


def _turn(graph: Graph, points: str, left: int, right: int) -> str:
    """(2, 2): rotation by the angle from one landmark to the other."""
    ends = graph.node("Gather", [points, graph.ints([left, right])], axis=1)
    across = graph.node("Reshape", [graph.node("MatMul", [graph.floats([[[-1, 1]]]), ends]), graph.ints([2])])
    unit = graph.node("Div", [across, graph.node("ReduceL2", [across], axes=[0], keepdims=1)])
    cos, sin = (graph.node("Gather", [unit, graph.ints([k])], axis=0) for k in (0, 1))
    return graph.node(
        "Reshape", [graph.node("Concat", [cos, graph.node("Neg", [sin]), sin, cos], axis=0), graph.ints([2, 2])]
    )


def transformtensorbilinear(graph: Graph, op: Operator) -> None:
    """out(x, y) = in at M (x + 1/2, y + 1/2) - 1/2, bilinear; 0 where that lies outside [0, size - 1]."""
    height, width = graph.network.shape(op.inputs[0])[1:3]
    h, w = graph.network.shape(op.outputs[0])[1:3]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    places = np.stack([x + 0.5, y + 0.5, 0 * x, 0 * x + 1], -1).reshape(-1, 4)
    at = graph.node(
        "MatMul", [graph.floats(places), graph.node("Transpose", [_rows(graph, op.inputs[1])], perm=[1, 0])]
    )
    # GridSample's units with align_corners: 2 (at - 1/2) / (size - 1) - 1, so that the outermost centres are -1 and 1
    span = np.array([width - 1, height - 1], np.float32)
    at = graph.node("Sub", [graph.node("Mul", [at, graph.floats(2 / span)]), graph.floats(1 + 1 / span)])
    furthest = graph.node("ReduceMax", [graph.node("Abs", [at])], axes=[1], keepdims=0)
    inside = graph.node("Cast", [graph.node("LessOrEqual", [furthest, graph.floats(1)])], to=TensorProto.FLOAT)
    inputs = [graph.get(op.inputs[0]), graph.node("Reshape", [at, graph.ints([1, h, w, 2])])]
    seen = graph.node("GridSample", inputs, mode="bilinear", padding_mode="border", align_corners=1)
    graph.put(op.outputs[0], graph.node("Mul", [seen, graph.node("Reshape", [inside, graph.ints([1, 1, h, w])])]))


def transformlandmarks(graph: Graph, op: Operator) -> None:
    """(1, n, 2) points (x, y) -> M (x, y, 0, 1)."""
    rows = _rows(graph, op.inputs[1])
    linear, shift = (
        graph.node("Slice", [rows, *map(graph.ints, ([first], [last], [1]))]) for first, last in ((0, 2), (3, 4))
    )
    turned = graph.node("MatMul", [graph.get(op.inputs[0]), graph.node("Transpose", [linear], perm=[1, 0])])
    moved = graph.node("Add", [turned, graph.node("Reshape", [shift, graph.ints([1, 1, 2])])])
    graph.put(op.outputs[0], moved)


def _rows(graph: Graph, matrix: int) -> str:
    """(2, 4): what gives x and y."""
    flat = graph.node("Reshape", [graph.get(matrix), graph.ints([4, 4])])
    return graph.node("Slice", [flat, *map(graph.ints, ([0], [2], [0]))])
