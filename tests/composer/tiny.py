"""A tiny random decoder, adapter and data set: the real code at a size that tests can afford."""

from __future__ import annotations

import numpy as np
import torch

from composer.adapter import Adapter
from composer.config import AdapterConfig, ModelConfig
from composer.corpus import Score
from composer.decoding import StepAdapter, StepDecoder
from composer.model import Decoder
from composer.weights import Weights, playable

CONFIG = ModelConfig(layers=4, width=32, heads=2, window=24)


def decoder(seed: int = 0) -> Decoder:
    torch.manual_seed(seed)
    model = Decoder(CONFIG)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3.0)  # far enough from zero that a mistake in any term shows
    return model.eval().requires_grad_(False)


def adapter(seed: int = 1, trained: bool = True) -> Adapter:
    torch.manual_seed(seed)
    module = Adapter(AdapterConfig(width=16), CONFIG)
    if trained:
        with torch.no_grad():
            module.gamma.copy_(torch.tensor([0.8, -0.6, 0.7]))
    return module.eval().requires_grad_(False)


def weights(trained: bool = True) -> Weights:
    """Both modules as they would be shipped."""
    base, adapted = decoder(), adapter(trained=trained)
    return Weights(
        base.config,
        {name: value.numpy() for name, value in base.state_dict().items()},
        adapted.config,
        {name: value.numpy() for name, value in adapted.state_dict().items()},
    )


def player(trained: bool = True) -> tuple[StepDecoder, StepAdapter]:
    """Both modules as they play."""
    step_decoder, step_adapter = playable(weights(trained))
    assert step_adapter is not None
    return step_decoder, step_adapter


def score(name: str, seed: int, minor: bool = False, bars: int = 12) -> Score:
    """A made-up piece in 4/4: chords of a scale below, a wandering tune above."""
    rng = np.random.default_rng(seed)
    scale = np.array([0, 2, 3, 5, 7, 8, 10] if minor else [0, 2, 4, 5, 7, 9, 11])
    rows: list[tuple[int, int, int, int]] = []
    for bar in range(bars):
        root = int(rng.integers(0, 7))
        for third in (0, 2, 4):
            rows.append((bar * 48, 48, 48 + int(scale[(root + third) % 7]), 3))
        for step in range(0, 48, 12 if bar % 2 else 6):
            rows.append((bar * 48 + step, 6, 67 + int(scale[rng.integers(0, 7)]), 0))
    table = np.array(sorted(rows), dtype=np.int32)
    bar_table = np.array([(48 * bar, 48) for bar in range(bars)], dtype=np.int32)
    return Score(name, f"Composer {name}", "lied", table, bar_table)
