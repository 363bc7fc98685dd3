"""The decoding step as an ONNX graph: is ONNX Runtime faster than `composer.decoding`?

Same weights, same ring, same residuals, one thread; logits must agree. The graph takes the ring as it is and
gives back the new keys and values, which the host writes into their slot: nothing is copied that numpy does
not copy. A slot that is empty or about to be overwritten is masked. For the comparison only: the composer
does not need onnx or onnxruntime, and this module says None where they are missing.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import psutil

from composer.config import ModelConfig
from composer.decoding import Arrays, StepDecoder
from composer.weights import read

Array = npt.NDArray[np.float32]

ROWS = 2
TOKENS, TIMED_FROM = 900, 300
_EPSILON = 1e-5
_MASKED = -1e9


class Steps(NamedTuple):
    """Median milliseconds of a token, largest difference of any logit, memory the runtime keeps in MiB."""

    numpy_ms: float
    onnx_ms: float
    largest_difference: float
    onnx_mib: float


class OnnxDecoder:
    """A decoder's step in ONNX Runtime, with the ring held here."""

    def __init__(self, weights: Arrays, config: ModelConfig) -> None:
        model = graph(weights, config).SerializeToString()
        before = psutil.Process().memory_info().rss
        import onnxruntime

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        del model
        self.resident_mib = (psutil.Process().memory_info().rss - before) / 2**20
        self._config = config
        self._tables = [weights["token.weight"], weights["position.weight"]]
        self._styles = [weights[f"style.{i}.weight"] for i in range(len(config.style_sizes))]
        c = config
        self._rates = 10_000.0 ** (-np.arange(0, c.head_width, 2) / c.head_width)
        shape = (ROWS, c.heads, c.window, c.head_width)
        self._keys = [np.zeros(shape, np.float32) for _ in range(c.layers)]
        self._values = [np.zeros(shape, np.float32) for _ in range(c.layers)]
        self._mask = np.full((1, 1, 1, c.window), _MASKED, np.float32)
        self._seen = 0

    def step(self, token: int, position: int, style: tuple[int, ...], residuals: Array) -> Array:
        """As `composer.decoding.StepDecoder.step`; `residuals` (shallow, rows, D)."""
        c = self._config
        slot = self._seen % c.window
        start = self._tables[0][token] + self._tables[1][position]
        for table, field in zip(self._styles, style, strict=True):
            start = start + table[field]
        angle = self._seen * self._rates
        self._mask[..., slot] = _MASKED
        feeds = {
            "start": np.tile(start, (ROWS, 1)),
            "residuals": residuals,
            "cosine": np.cos(angle).astype(np.float32)[:, None],
            "sine": np.sin(angle).astype(np.float32)[:, None],
            "mask": self._mask,
        }
        for layer in range(c.layers):
            feeds[f"keys_{layer}"], feeds[f"values_{layer}"] = self._keys[layer], self._values[layer]
        logits, *fresh = self._session.run(None, feeds)
        for layer in range(c.layers):
            self._keys[layer][:, :, slot] = fresh[2 * layer][:, :, 0]
            self._values[layer][:, :, slot] = fresh[2 * layer + 1][:, :, 0]
        self._mask[..., slot] = 0.0
        self._seen += 1
        return np.asarray(logits, np.float32)


def graph(weights: Arrays, config: ModelConfig) -> Any:
    """The onnx.ModelProto of one step."""
    from onnx import TensorProto, helper, numpy_helper

    c = config
    half = c.head_width // 2
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, value: npt.NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def normed(x: str, name: str, weight: str) -> str:
        scale = constant(f"{name}_scale", weights[weight])
        return node("LayerNormalization", [x, scale], name, axis=-1, epsilon=_EPSILON)

    def product(x: str, name: str, weight: str) -> str:
        return node("MatMul", [x, constant(f"{name}_weight", weights[weight].T)], name)

    heads = constant("heads", np.array([ROWS, 3, c.heads, c.head_width], np.int64))
    pairs = constant("pairs", np.array([ROWS, c.heads, half, 2], np.int64))
    alone = constant("alone", np.array([ROWS, c.heads, 1, c.head_width], np.int64))
    whole = constant("whole", np.array([ROWS, c.width], np.int64))
    scale = constant("scale", np.array(c.head_width**-0.5, np.float32))
    root = constant("root", np.array(2.0**-0.5, np.float32))
    one = constant("one", np.array(1.0, np.float32))
    a_half = constant("a_half", np.array(0.5, np.float32))
    index = [constant(f"index_{k}", np.array(k, np.int64)) for k in range(max(3, c.shallow))]

    def turned(x: str, name: str) -> str:
        """Rotary position: neighbors are the two parts of a complex number."""
        pair = node("Reshape", [x, pairs], f"{name}_pair")
        nodes.append(helper.make_node("Split", [pair], [f"{name}_re", f"{name}_im"], axis=3, num_outputs=2))
        re, im = f"{name}_re", f"{name}_im"
        left = node(
            "Sub",
            [node("Mul", [re, "cosine"], f"{name}_rc"), node("Mul", [im, "sine"], f"{name}_is")],
            f"{name}_l",
        )
        right = node(
            "Add",
            [node("Mul", [re, "sine"], f"{name}_rs"), node("Mul", [im, "cosine"], f"{name}_ic")],
            f"{name}_r",
        )
        return node(
            "Reshape", [node("Concat", [left, right], f"{name}_both", axis=3), alone], f"{name}_turned"
        )

    h = "start"
    outputs = []
    for layer in range(c.layers):
        p, w = f"b{layer}", f"blocks.{layer}"
        x = normed(h, f"{p}_norm1", f"{w}.norm_1.weight")
        qkv = node("Reshape", [product(x, f"{p}_qkv", f"{w}.qkv.weight"), heads], f"{p}_heads")
        query, key, value = (node("Gather", [qkv, index[k]], f"{p}_{k}", axis=1) for k in range(3))
        query, key = turned(query, f"{p}_q"), turned(key, f"{p}_k")
        value = node("Reshape", [value, alone], f"{p}_v")
        query = node("Mul", [query, scale], f"{p}_qs")
        flipped = node("Transpose", [f"keys_{layer}"], f"{p}_kt", perm=[0, 1, 3, 2])
        past = node("Add", [node("MatMul", [query, flipped], f"{p}_sp"), "mask"], f"{p}_past")
        flipped_now = node("Transpose", [key], f"{p}_nt", perm=[0, 1, 3, 2])
        now = node("MatMul", [query, flipped_now], f"{p}_now")
        odds = node("Softmax", [node("Concat", [past, now], f"{p}_s", axis=3)], f"{p}_odds", axis=3)
        split = constant(f"{p}_split", np.array([c.window, 1], np.int64))
        nodes.append(helper.make_node("Split", [odds, split], [f"{p}_op", f"{p}_on"], axis=3))
        heard = node(
            "Add",
            [
                node("MatMul", [f"{p}_op", f"values_{layer}"], f"{p}_hp"),
                node("Mul", [f"{p}_on", value], f"{p}_hn"),
            ],
            f"{p}_heard",
        )
        heard = node("Reshape", [heard, whole], f"{p}_whole")
        h = node("Add", [h, product(heard, f"{p}_out", f"{w}.out.weight")], f"{p}_mid")
        up = product(normed(h, f"{p}_norm2", f"{w}.norm_2.weight"), f"{p}_up", f"{w}.up.weight")
        bell = node("Add", [node("Erf", [node("Mul", [up, root], f"{p}_z")], f"{p}_erf"), one], f"{p}_bell")
        gelu = node("Mul", [node("Mul", [up, bell], f"{p}_ub"), a_half], f"{p}_gelu")
        h = node("Add", [h, product(gelu, f"{p}_down", f"{w}.down.weight")], f"{p}_end")
        if layer < c.shallow:
            h = node(
                "Add", [h, node("Gather", ["residuals", index[layer]], f"{p}_res", axis=0)], f"{p}_steered"
            )
        outputs += [key, value]
    logits = product(normed(h, "norm", "norm.weight"), "logits", "token.weight")

    def info(name: str, shape: list[int] | None) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    ring = [ROWS, c.heads, c.window, c.head_width]
    inputs = [
        info("start", [ROWS, c.width]),
        info("residuals", [c.shallow, ROWS, c.width]),
        info("cosine", [half, 1]),
        info("sine", [half, 1]),
        info("mask", [1, 1, 1, c.window]),
        *(info(f"{kind}_{layer}", ring) for layer in range(c.layers) for kind in ("keys", "values")),
    ]
    whole_graph = helper.make_graph(
        nodes, "step", inputs, [info(logits, None), *(info(o, None) for o in outputs)], constants
    )
    return helper.make_model(whole_graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def compared(folder: Path) -> Steps | None:
    """Both on the same random tokens, in turn, so that other load falls on both alike.

    Call it in a process that has not loaded ONNX Runtime, for the memory to be right.
    """
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        return None
    weights = read(folder)
    c = weights.config
    ours, theirs = StepDecoder(weights.base, c), OnnxDecoder(weights.base, c)
    state = ours.begin(ROWS)
    random = np.random.default_rng(0)
    style = (0,) * len(c.style_sizes)
    times: list[tuple[float, float]] = []
    largest = 0.0
    for _ in range(TOKENS):
        token, position = int(random.integers(c.vocabulary)), int(random.integers(c.bar_steps))
        residuals = (0.1 * random.standard_normal((c.shallow, ROWS, c.width))).astype(np.float32)
        began = time.perf_counter()
        a = ours.step(state, token, position, style, residuals)
        middle = time.perf_counter()
        b = theirs.step(token, position, style, residuals)
        times.append((middle - began, time.perf_counter() - middle))
        largest = max(largest, float(np.abs(a - b).max()))
    numpy_ms, onnx_ms = 1000.0 * np.median(np.array(times[TIMED_FROM:]), axis=0)
    return Steps(float(numpy_ms), float(onnx_ms), largest, theirs.resident_mib)
