"""A tiny random MusicGen built from configuration: the real classes at a size that tests can afford."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    EncodecConfig,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
)

from composer.musicgen.geometry import Geometry

WORDS = (
    *("warm", "cold", "piano", "strings", "jazz", "music", "calm", "soft", "slow", "sad", "dark", "minor"),
    *("key", "happy", "uplifting", "major", "energetic", "intense", "driving", "gentle", "quiet", "and"),
)

GEOMETRY = Geometry(layers=4, width=32, heads=4, feed_forward=64, codebooks=4, vocabulary=64)


def codec_config(filters: int = 4) -> EncodecConfig:
    """The 32 kHz EnCodec's shape, not causal, with the real strides and hop."""
    return EncodecConfig(
        target_bandwidths=[1.2],
        sampling_rate=32_000,
        audio_channels=1,
        hidden_size=8,
        num_filters=filters,
        upsampling_ratios=[8, 5, 4, 4],
        use_causal_conv=False,
        use_conv_shortcut=False,
        codebook_size=GEOMETRY.vocabulary,
        codebook_dim=8,
    )


def model(seed: int = 0) -> Any:
    """A MusicgenForConditionalGeneration, random, in eval."""
    torch.manual_seed(seed)
    g = GEOMETRY
    config = MusicgenConfig(
        text_encoder=T5Config(
            vocab_size=64, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=2
        ).to_dict(),
        audio_encoder=codec_config().to_dict(),
        decoder=MusicgenDecoderConfig(
            vocab_size=g.vocabulary,
            num_hidden_layers=g.layers,
            hidden_size=g.width,
            num_attention_heads=g.heads,
            ffn_dim=g.feed_forward,
            num_codebooks=g.codebooks,
            pad_token_id=g.vocabulary,
            bos_token_id=g.vocabulary,
            max_position_embeddings=256,
        ).to_dict(),
    )
    whole = MusicgenForConditionalGeneration(config).eval().requires_grad_(False)
    with torch.no_grad():
        for name, weight in whole.decoder.named_parameters():
            if weight.dim() == 2:
                weight.mul_(6.0)  # far enough from zero that a mistake in any term shows
            elif "layer_norm" in name:
                weight.add_(0.2 * torch.randn_like(weight))
        for layer in whole.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()
    whole.generation_config.decoder_start_token_id = g.vocabulary
    whole.generation_config.pad_token_id = g.vocabulary
    whole.generation_config.bos_token_id = g.vocabulary
    return whole


def tokenizer() -> PreTrainedTokenizerFast:
    """Words of `WORDS`, then an end of text, as T5's own ends."""
    table = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {word: 3 + i for i, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(table, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def write(folder: Path, seed: int = 0) -> Path:
    """A folder as `from_pretrained` reads it: safetensors, configuration, tokenizer."""
    model(seed).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def arrays(seed: int = 0) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    return {name: value.numpy() for name, value in model(seed).decoder.state_dict().items()}
