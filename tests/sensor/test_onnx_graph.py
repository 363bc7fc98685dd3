"""Graphs written here are graphs to ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from sensor.onnx_graph import RUNTIME_DOMAIN, Graph


def session(graph: Graph) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph.serialized(), providers=["CPUExecutionProvider"])


def test_a_convolution_computes_what_it_should() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 2, 5, 6)).astype(np.float32)
    weight = rng.standard_normal((300, 2, 1, 1)).astype(np.float32)  # large enough for lengths of two bytes
    graph = Graph()
    name = graph.input("x", "float32", x.shape)
    y = graph.operator("Conv", [name, graph.constant(weight)], kernel_shape=(1, 1), strides=(1, 1), group=1)
    y = graph.operator("LeakyRelu", [y], alpha=0.25)
    graph.output(y, "float32", (1, 300, 5, 6))
    (found,) = session(graph).run(None, {"x": x})
    plain = np.einsum("oi,nihw->nohw", weight[:, :, 0, 0], x)
    np.testing.assert_allclose(found, np.where(plain > 0, plain, plain / 4), atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int8", "int32", "int64"])
def test_constants_arrive_as_they_were(dtype: str) -> None:
    values = np.array([[0, 1, 2], [3, 100, 127]]).astype(dtype)
    graph = Graph()
    first = graph.input("x", "int64", (2,))
    graph.output(graph.operator("Shape", [first]), "int64", (1,))
    y = graph.operator("Identity", [graph.constant(values)])
    graph.output(y, dtype, values.shape)
    shape, found = session(graph).run(None, {"x": np.zeros(2, np.int64)})
    assert shape.tolist() == [2]
    np.testing.assert_array_equal(found, values, strict=True)


def test_operators_of_the_runtime_itself() -> None:
    graph = Graph()
    scale, zero = graph.constant(np.array(0.5, np.float32)), graph.constant(np.array(10, np.uint8))
    x = graph.input("x", "uint8", (4,))
    y = graph.operator("QLinearAdd", [x, scale, zero] * 2 + [scale, zero], RUNTIME_DOMAIN)
    graph.output(y, "uint8", (4,))
    (found,) = session(graph).run(None, {"x": np.array([10, 11, 20, 255], np.uint8)})
    assert found.tolist() == [10, 12, 30, 255]
