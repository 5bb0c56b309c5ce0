"""A network of U2NETP's shape with random weights, as an ONNX file: what rembg needs to be measured.

Written from the paper (Qin et al., *U2-Net: Going Deeper with Nested U-Structure for Salient Object
Detection*, 2020; the small version of 4.7 MB): residual U-blocks inside a U, six side outputs, one fused.
Batch norms are folded into the convolutions, as exporters do. Runs in rembg's environment: `python u2netp.py
FILE`.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx  # type: ignore[import-not-found,unused-ignore] # in rembg's environment only
from onnx import TensorProto, helper, numpy_helper

SIDE = 320
MIDDLE, WIDTH = 16, 64
"""Channels inside and between the blocks."""
LEVELS = (7, 6, 5, 4)
"""Depths of the first blocks, the same on the way down and up; the deepest two only dilate."""
DILATIONS = (1, 2, 4, 8)
OPSET, IR = 17, 8


@dataclass
class Graph:
    """An ONNX graph in the making; every method adds a node and returns the name of its result."""

    rng: np.random.Generator
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Any node with one result."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: npt.NDArray[Any]) -> str:
        """A weight."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def convolve(self, x: str, before: int, after: int, side: int = 3, dilation: int = 1) -> str:
        """A convolution that keeps the size."""
        spread = (2 / (before * side * side)) ** 0.5
        kernel = self.rng.normal(0, spread, (after, before, side, side)).astype(np.float32)
        around = dilation * (side // 2)
        return self.node(
            "Conv",
            x,
            self.constant(kernel),
            self.constant(np.zeros(after, np.float32)),
            dilations=[dilation, dilation],
            pads=[around] * 4,
        )

    def block(self, x: str, before: int, after: int, dilation: int = 1) -> str:
        """Convolution and ReLU."""
        return self.node("Relu", self.convolve(x, before, after, dilation=dilation))

    def halve(self, x: str) -> str:
        """Pooling."""
        return self.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def enlarge(self, x: str, factor: int) -> str:
        """Bilinear."""
        scales = self.constant(np.array([1, 1, factor, factor], np.float32))
        return self.node("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def join(self, *planes: str) -> str:
        """Along the channels."""
        return self.node("Concat", *planes, axis=1)


def residual_u(graph: Graph, x: str, before: int, depth: int) -> str:
    """RSU-`depth`: a small U of its own around a shortcut."""
    entry = graph.block(x, before, WIDTH)
    down = [graph.block(entry, WIDTH, MIDDLE)]
    for _ in range(depth - 2):
        down.append(graph.block(graph.halve(down[-1]), MIDDLE, MIDDLE))
    up = graph.block(down[-1], MIDDLE, MIDDLE, dilation=2)
    for level in reversed(range(depth - 1)):
        up = graph.block(graph.join(up, down[level]), 2 * MIDDLE, MIDDLE if level else WIDTH)
        up = graph.enlarge(up, 2) if level else up
    return graph.node("Add", up, entry)


def dilated(graph: Graph, x: str, before: int) -> str:
    """RSU-4F: the same without pooling."""
    entry = graph.block(x, before, WIDTH)
    down = [graph.block(entry, WIDTH, MIDDLE)]
    for dilation in DILATIONS[1:]:
        down.append(graph.block(down[-1], MIDDLE, MIDDLE, dilation))
    up = down.pop()
    for level in reversed(range(len(down))):
        joined = graph.join(up, down[level])
        up = graph.block(joined, 2 * MIDDLE, MIDDLE if level else WIDTH, DILATIONS[level])
    return graph.node("Add", up, entry)


def network(graph: Graph, x: str) -> list[str]:
    """The fused and the six side outputs, sigmoids of 1 x SIDE x SIDE."""
    down = [residual_u(graph, x, 3, LEVELS[0])]
    for depth in LEVELS[1:]:
        down.append(residual_u(graph, graph.halve(down[-1]), WIDTH, depth))
    down.append(dilated(graph, graph.halve(down[-1]), WIDTH))
    up = [dilated(graph, graph.halve(down[-1]), WIDTH)]
    up.append(dilated(graph, graph.join(graph.enlarge(up[-1], 2), down[-1]), 2 * WIDTH))
    for level in reversed(range(len(LEVELS))):
        joined = graph.join(graph.enlarge(up[-1], 2), down[level])
        up.append(residual_u(graph, joined, 2 * WIDTH, LEVELS[level]))
    sides = [graph.convolve(plane, WIDTH, 1) for plane in reversed(up)]
    sides = [sides[0], *(graph.enlarge(plane, 2**level) for level, plane in enumerate(sides[1:], start=1))]
    fused = graph.node("Add", graph.convolve(graph.join(*sides), len(sides), 1, side=1), oval(graph))
    return [graph.node("Sigmoid", plane) for plane in (fused, *sides)]


def oval(graph: Graph) -> str:
    """Logits that outweigh the random ones: what is cut out shall look and compress like a subject."""
    y, x = (np.mgrid[:SIDE, :SIDE] / SIDE - 0.5) * 2
    return graph.constant(((0.7 - np.hypot(x * 1.3, y)) * 1000).astype(np.float32)[np.newaxis, np.newaxis])


def build(seed: int = 0) -> Any:
    """The model."""
    graph = Graph(np.random.default_rng(seed))
    results = network(graph, "input")
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    matte = [1, 1, SIDE, SIDE]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, matte) for name in results]
    whole = helper.make_graph(graph.nodes, "u2netp", inputs, outputs, graph.weights)
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(whole, opset_imports=[opset], ir_version=IR)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(), str(target))
