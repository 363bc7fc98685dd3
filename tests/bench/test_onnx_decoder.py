"""The step in ONNX Runtime gives the logits of the step in numpy, past the end of the ring too."""

from __future__ import annotations

import numpy as np
import pytest

from composer.decoding import StepDecoder
from composer.model import Decoder
from tests.composer import tiny


def test_equal_logits_round_the_ring() -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from bench.onnx_decoder import ROWS, OnnxDecoder

    decoder = Decoder(tiny.CONFIG)
    weights = {name: tensor.detach().numpy() for name, tensor in decoder.state_dict().items()}
    ours, theirs = StepDecoder(weights, tiny.CONFIG), OnnxDecoder(weights, tiny.CONFIG)
    state = ours.begin(ROWS)
    random = np.random.default_rng(0)
    style = (0,) * len(tiny.CONFIG.style_sizes)
    for _ in range(3 * tiny.CONFIG.window):
        token = int(random.integers(tiny.CONFIG.vocabulary))
        residuals = random.standard_normal((tiny.CONFIG.shallow, ROWS, tiny.CONFIG.width)).astype(np.float32)
        a, b = ours.step(state, token, 3, style, residuals), theirs.step(token, 3, style, residuals)
        assert np.abs(a - b).max() < 1e-4
