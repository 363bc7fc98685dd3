"""The anchor as MusicGen hears it: T5's states of a text, projected to the decoder's width.

An anchor is encoded once and held. Without a trained adapter, affect also moves the text a little, window by
window: the anchor is mixed with variants of itself that say the feeling (`composer.musicgen.prompts`).
"""

from __future__ import annotations

from typing import Any

import torch

from composer.musicgen.stepper import Array

MAX_TEXT_TOKENS = 64


class TextEncoder:
    """T5 and its tokenizer. Slow (tens of milliseconds a text); one thread owns it."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        """`model` is a MusicgenForConditionalGeneration; only its text side is kept."""
        self._tokenizer = tokenizer
        self._t5 = model.text_encoder
        projected = model.text_encoder.config.hidden_size != model.decoder.config.hidden_size
        self._projection = model.enc_to_dec_proj if projected else None

    @torch.inference_mode()
    def encode(self, text: str) -> Array:
        """(tokens, width), float32. Only the first `MAX_TEXT_TOKENS` are heard."""
        tokens = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=MAX_TEXT_TOKENS)
        states = self._t5(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state
        if self._projection is not None:
            states = self._projection(states)
        array: Array = states[0].float().numpy()
        return array
