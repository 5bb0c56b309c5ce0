"""What an ONNX file is allowed to be: looked at before ONNX Runtime gets it.

A network from elsewhere is a program. What it may not do is refused with one line: read other files, call
libraries that it brings along, or ask for memory that its weights do not account for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from mattingd.inference.backend import EngineFault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""The operators that ONNX Runtime itself has."""
SLACK = 1024
"""Bytes of a tensor that may be declared beyond eight times those that the file holds of it."""
SPARSE_SLACK = 64_000_000
"""Bytes that a sparse tensor may be larger than a hundred times what the file holds of it."""
DEEPEST = 16
"""Graphs within graphs."""


def inspected(content: bytes, file: Path) -> onnx.ModelProto:
    """Return the network in a file if it is safe to load.

    Raises:
        EngineFault: it is not; one line says why.
    """
    try:
        model = onnx.load_from_string(content)
    except (DecodeError, ValueError, TypeError, RecursionError) as error:
        raise EngineFault(f"{file.name} is no ONNX file, or only a part of one") from error
    if not model.graph.node or not model.graph.output:
        raise EngineFault(f"{file.name} is no ONNX file, or only a part of one")
    for node in _nodes(model, file):
        if node.domain not in DOMAINS:
            raise EngineFault(f"{file.name} needs operators from a library of its own ({node.domain!r})")
    for tensor in _tensors(model, file):
        _check(tensor, file)
    return model


def _graphs(model: onnx.ModelProto, file: Path) -> Iterator[onnx.GraphProto]:
    waiting = [(model.graph, 0)]
    while waiting:
        graph, depth = waiting.pop()
        if depth > DEEPEST:
            raise EngineFault(f"{file.name} holds graphs within graphs, more than {DEEPEST} deep")
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                inner = [attribute.g] if attribute.HasField("g") else []
                waiting += [(each, depth + 1) for each in (*inner, *attribute.graphs)]


def _nodes(model: onnx.ModelProto, file: Path) -> Iterator[onnx.NodeProto]:
    for graph in _graphs(model, file):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _tensors(model: onnx.ModelProto, file: Path) -> Iterator[TensorProto]:
    for graph in _graphs(model, file):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            _check_sparse(sparse, file)
            yield from (sparse.values, sparse.indices)
    for node in _nodes(model, file):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _check(tensor: TensorProto, file: Path) -> None:
    """Raise EngineFault for a tensor whose values are in another file, or that declares more than it has."""
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        places = [entry.value for entry in tensor.external_data if entry.key == "location"]
        raise EngineFault(
            f"{file.name} keeps its weights in another file ({', '.join(places) or 'not named'});"
            " save it as one file"
        )
    declared = math.prod(tensor.dims) * _bytes_of(tensor.data_type)
    if declared < 0 or any(length < 0 for length in tensor.dims):
        raise EngineFault(f"{file.name} declares a tensor of a negative size ({tensor.name})")
    held = tensor.ByteSize()
    if declared > SLACK + 8 * held:
        raise EngineFault(
            f"{file.name} declares a tensor of {declared / 1e6:,.0f} MB ({tensor.name}) and holds"
            f" {held / 1e6:,.0f} MB of it"
        )


def _check_sparse(tensor: onnx.SparseTensorProto, file: Path) -> None:
    """Raise EngineFault for a sparse tensor that is mostly empty: the runtime makes a whole one of it."""
    declared = math.prod(tensor.dims) * _bytes_of(tensor.values.data_type)
    if declared < 0 or declared > SPARSE_SLACK + 100 * tensor.ByteSize():
        raise EngineFault(
            f"{file.name} declares a sparse tensor of {declared / 1e6:,.0f} MB ({tensor.values.name})"
            f" and holds {tensor.ByteSize() / 1e6:,.0f} MB of it"
        )


def _bytes_of(kind: int) -> float:
    try:
        return float(onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize)
    except (KeyError, TypeError, ValueError):
        return 1.0


def one_line(error: BaseException | str) -> str:
    """Return ONNX Runtime's message about a network on one line of at most 200 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:197]}..."  # noqa: PLR2004
