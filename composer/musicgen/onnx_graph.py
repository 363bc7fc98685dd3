"""One decoding step as an ONNX graph, written from the decoder's state dict.

Inputs: `start` (R, 1, D), embeddings and position already added; `positions` (R,), `span` (1,) the longest
row's length; `residuals` (shallow, D); `text_bias` (R, 1, 1, S); per layer the caches `keys_i`, `values_i`
(R, H, W, d), given back as `new_*` in the same memory; and the texts `text_keys_i` (R, H, d, S) and
`text_values_i` (R, H, S, d). Output: `logits` (R, 1, K V).

Self-attention is GroupQueryAttention, which writes the new key and value into the cache where they belong and
lets every row be of another length. Given `spans` the caches are int8 with a scale per channel. Matrices are
MatMulNBits, or MatMul for 32 bits (the tests' yardstick).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper

from composer.musicgen.geometry import Geometry
from composer.musicgen.quantize import BLOCK, quantize
from composer.musicgen.spans import Spans, scale
from composer.musicgen.stepper import Array, Arrays

DOMAIN = "com.microsoft"
_PREFIX = "model.decoder."
_EPSILON = 1e-5


class _Writer:
    """Collects nodes and constants."""

    def __init__(self, bits: int, exact: bool) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._bits = bits
        self._level = 0 if exact else 4

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, inputs: list[str], name: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes))
        return name

    def product(self, x: str, weight: Array, name: str) -> str:
        """x · weightᵀ for weight (out, in)."""
        if self._bits == 32:
            return self.node("MatMul", [x, self.constant(f"{name}_w", weight.T)], name)
        codes, scales = quantize(weight, self._bits)
        rows, columns = weight.shape
        inputs = [x, self.constant(f"{name}_b", codes), self.constant(f"{name}_s", scales.reshape(-1))]
        sizes = {"K": columns, "N": rows, "bits": self._bits, "block_size": BLOCK}
        return self.node("MatMulNBits", inputs, name, DOMAIN, accuracy_level=self._level, **sizes)

    def norm(self, x: str, weights: Arrays, source: str, name: str) -> str:
        scale = self.constant(f"{name}_g", weights[f"{source}.weight"])
        shift = self.constant(f"{name}_h", weights[f"{source}.bias"])
        return self.node("LayerNormalization", [x, scale, shift], name, axis=-1, epsilon=_EPSILON)

    def join(
        self, h: str, y: str, weights: Arrays, source: str, name: str, residual: str = ""
    ) -> tuple[str, str]:
        """The stream h with y and the residual added, and its norm. One node: each costs microseconds."""
        scale = self.constant(f"{name}_g", weights[f"{source}.weight"])
        shift = self.constant(f"{name}_b", weights[f"{source}.bias"])
        found = [name, "", "", f"{name}_h"]
        node = helper.make_node(
            "SkipLayerNormalization",
            [h, y, scale, shift, residual],
            found,
            name=name,
            domain=DOMAIN,
            epsilon=_EPSILON,
        )
        self.nodes.append(node)
        return found[3], name


def graph(
    weights: Arrays,
    geometry: Geometry,
    rows: int,
    capacity: int,
    bits: int,
    exact: bool,
    spans: Spans | None = None,
) -> ModelProto:
    """The model of one step. `exact` keeps activations in float32 where `bits` is not 32.

    Without `spans` the caches are float32.
    """
    g = geometry
    w = _Writer(bits, exact)
    h = "start"
    split = w.constant("split", np.array([rows, g.heads, 1, g.head_width], np.int64))
    joined = w.constant("joined", np.array([rows, 1, g.width], np.int64))
    thirds = w.constant("thirds", np.array([g.width] * 3, np.int64))
    softness = w.constant("scale", np.array(g.head_width**-0.5, np.float32))
    index = [w.constant(f"index_{i}", np.array(i, np.int64)) for i in range(g.shallow)]
    outputs = []
    x = w.norm(h, weights, f"{_PREFIX}layers.0.self_attn_layer_norm", "first")
    for i in range(g.layers):
        p, source = f"l{i}", f"{_PREFIX}layers.{i}"

        def matrix(name: str, source: str = source) -> Array:
            return weights[f"{source}.{name}.weight"]

        fused = np.concatenate([matrix(f"self_attn.{part}_proj") for part in ("q", "k", "v")])
        qkv = w.product(x, fused, f"{p}_qkv")
        w.nodes.append(helper.make_node("Split", [qkv, thirds], [f"{p}_q", f"{p}_k", f"{p}_v"], axis=2))
        heard = [f"{p}_heard", f"new_keys_{i}", f"new_values_{i}"]
        past = [f"{p}_q", f"{p}_k", f"{p}_v", f"keys_{i}", f"values_{i}", "positions", "span"]
        kept: dict[str, Any] = {}
        if spans is not None:
            # Optional inputs come by place: five that are not used stand before the scales.
            past += [""] * 5
            for kind, span in (("k", spans.keys[i]), ("v", spans.values[i])):
                past.append(w.constant(f"{p}_{kind}_scale", scale(span)[None, :, None, :]))
                kept[f"{kind}_quant_type"] = "PER_CHANNEL"
            kept["kv_cache_bit_width"] = 8
        attention = helper.make_node(
            "GroupQueryAttention",
            past,
            heard,
            domain=DOMAIN,
            num_heads=g.heads,
            kv_num_heads=g.heads,
            do_rotary=0,
            **kept,
        )
        w.nodes.append(attention)
        outputs += heard[1:]
        y = w.product(heard[0], matrix("self_attn.out_proj"), f"{p}_o")
        h, x = w.join(h, y, weights, f"{source}.encoder_attn_layer_norm", f"{p}_n1")

        # (R, H, 1, d) of (R, 1, D), and back: heads lie in order already.
        asked = w.node("Reshape", [w.product(x, matrix("encoder_attn.q_proj"), f"{p}_tq"), split], f"{p}_ts")
        scores = w.node("MatMul", [asked, f"text_keys_{i}"], f"{p}_tm")
        biased = w.node("Add", [w.node("Mul", [scores, softness], f"{p}_tc"), "text_bias"], f"{p}_tb")
        odds = w.node("Softmax", [biased], f"{p}_to", axis=-1)
        told = w.node("MatMul", [odds, f"text_values_{i}"], f"{p}_told")
        told = w.node("Reshape", [told, joined], f"{p}_tj")
        y = w.product(told, matrix("encoder_attn.out_proj"), f"{p}_tp")
        h, x = w.join(h, y, weights, f"{source}.final_layer_norm", f"{p}_n2")

        risen = w.node("Gelu", [w.product(x, matrix("fc1"), f"{p}_up")], f"{p}_gelu", DOMAIN)
        y = w.product(risen, matrix("fc2"), f"{p}_down")
        residual = w.node("Gather", ["residuals", index[i]], f"{p}_r", axis=0) if i < g.shallow else ""
        following = f"layers.{i + 1}.self_attn_layer_norm" if i + 1 < g.layers else "layer_norm"
        h, x = w.join(h, y, weights, f"{_PREFIX}{following}", f"{p}_n3", residual)
    heads = np.concatenate([weights[f"lm_heads.{k}.weight"] for k in range(g.codebooks)])
    w.product(x, heads, "logits")

    def info(name: str, shape: list[int | str], kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    number = TensorProto.FLOAT if spans is None else TensorProto.INT8
    cache: list[int | str] = [rows, g.heads, capacity, g.head_width]
    inputs = [
        info("start", [rows, 1, g.width]),
        info("positions", [rows], TensorProto.INT32),
        info("span", [1], TensorProto.INT32),
        info("residuals", [g.shallow, g.width]),
        info("text_bias", [rows, 1, 1, "S"]),
    ]
    for i in range(g.layers):
        inputs += [info(f"keys_{i}", cache, number), info(f"values_{i}", cache, number)]
        inputs.append(info(f"text_keys_{i}", [rows, g.heads, g.head_width, "S"]))
        inputs.append(info(f"text_values_{i}", [rows, g.heads, "S", g.head_width]))
    results = [
        info("logits", [rows, 1, g.codebooks * g.vocabulary]),
        *(info(name, cache, number) for name in outputs),
    ]
    whole = helper.make_graph(w.nodes, "musicgen_step", inputs, results, w.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(whole, opset_imports=opsets, ir_version=9)
