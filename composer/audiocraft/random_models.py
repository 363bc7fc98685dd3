"""audiocraft's classes with random weights, built directly: its 'debug' model would fetch a spaCy model."""

from __future__ import annotations

from typing import Any

import torch

from composer.audiocraft import xformers_stand_in
from composer.audiocraft.stepper import DESCRIPTION
from composer.musicgen.geometry import CODEC_RATE_HZ, FRAME_RATE_HZ, Geometry

TINY = Geometry(layers=4, width=32, heads=4, feed_forward=64, codebooks=4, vocabulary=64)
WORDS = 64
"""Different texts that the random conditioner tells apart."""


def language_model(geometry: Geometry, seed: int = 0) -> Any:
    """An LMModel that reads text through a table, in eval."""
    xformers_stand_in.supply()
    from audiocraft.models.lm import LMModel
    from audiocraft.modules.codebooks_patterns import DelayedPatternProvider
    from audiocraft.modules.conditioners import ConditionFuser, ConditioningProvider, LUTConditioner

    torch.manual_seed(seed)
    g = geometry
    table = LUTConditioner(WORDS, 16, g.width, "noop", pad_idx=0)
    model = LMModel(
        DelayedPatternProvider(g.codebooks),
        ConditioningProvider({DESCRIPTION: table}),
        ConditionFuser({"cross": [DESCRIPTION], "prepend": [], "sum": [], "input_interpolate": []}),
        n_q=g.codebooks,
        card=g.vocabulary,
        dim=g.width,
        num_heads=g.heads,
        hidden_scale=g.feed_forward // g.width,
        norm_first=True,
        bias_proj=False,
        num_layers=g.layers,
        dropout=0.0,
        activation="gelu",
        bias_ff=False,
        bias_attn=False,
        causal=True,
        custom=True,
        memory_efficient=True,
        cross_attention=True,
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2 and g is TINY:
                parameter.mul_(3.0)  # far enough from zero that a mistake in any term shows
    return model


def compression_model(geometry: Geometry, filters: int, dimension: int, seed: int = 0) -> Any:
    """audiocraft's EncodecModel of the 32 kHz shape, in eval."""
    xformers_stand_in.supply()
    from audiocraft.models.encodec import EncodecModel
    from audiocraft.modules.seanet import SEANetDecoder, SEANetEncoder
    from audiocraft.quantization import ResidualVectorQuantizer

    torch.manual_seed(seed)
    shape: dict[str, Any] = {
        "channels": 1,
        "dimension": dimension,
        "n_filters": filters,
        "n_residual_layers": 1,
        "ratios": [8, 5, 4, 4],
        "norm": "weight_norm",
        "lstm": 2,
    }
    model = EncodecModel(
        SEANetEncoder(**shape),
        SEANetDecoder(**shape),
        ResidualVectorQuantizer(dimension=dimension, n_q=geometry.codebooks, bins=geometry.vocabulary),
        frame_rate=FRAME_RATE_HZ,
        sample_rate=CODEC_RATE_HZ,
        channels=1,
    ).eval()
    for layer in model.quantizer.vq.layers:
        layer._codebook.embed.data.normal_()
        layer._codebook.inited.data.fill_(True)
    return model
