"""A composer's parts from audiocraft's models: its LMModel, its conditioner, its EnCodec."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from composer.audiocraft import xformers_stand_in
from composer.audiocraft.stepper import DESCRIPTION, AudiocraftStepper, geometry_of
from composer.errors import WeightsError
from composer.musicgen import adapter_files
from composer.musicgen.assembly import GPU_WINDOWS, Parts
from composer.musicgen.codec import CodecStream
from composer.musicgen.codec_thread import CodecThread
from composer.musicgen.geometry import Manner
from composer.musicgen.stepper import Array
from composer.musicgen.token_stream import rows_for
from composer.musicgen.windows import Windows


class Describer:
    """audiocraft's text conditioner: words in, states out, (tokens, width) in the decoder's width."""

    def __init__(self, model: Any) -> None:
        self._model = model

    @torch.inference_mode()
    def encode(self, text: str) -> Array:
        from audiocraft.modules.conditioners import ConditioningAttributes

        provider = self._model.condition_provider
        asked = provider.tokenize([ConditioningAttributes(text={DESCRIPTION: text})])
        states, _ = provider(asked)[DESCRIPTION]
        return np.asarray(states[0].float().cpu().numpy(), dtype=np.float32)


def digest_of(model: Any) -> str:
    """SHA-256 over an LMModel's weights: what an adapter says it was trained on."""
    whole = hashlib.sha256()
    for name, value in model.state_dict().items():
        whole.update(name.encode())
        whole.update(np.ascontiguousarray(value.float().cpu().numpy()).tobytes())
    return whole.hexdigest()


def parts_of(
    model: Any,
    compression: Any,
    name: str,
    manner: Manner,
    windows: Windows = GPU_WINDOWS,
    adapter: Path | None = None,
) -> Parts:
    """What a `MusicGenComposer` is made of. `compression` is audiocraft's, or transformers' inside it.

    Raises WeightsError when the adapter or the codec cannot be used.
    """
    geometry = geometry_of(model)
    inner = compression.model if hasattr(compression, "model") else compression
    text: Any = Describer(model)
    steering = adapter_files.read(adapter, digest_of(model), geometry) if adapter is not None else None
    return Parts(
        name,
        "audiocraft",
        geometry,
        windows,
        manner,
        text,
        AudiocraftStepper(model, rows_for(manner), windows.length),
        CodecThread(CodecStream(inner)),
        steering,
        "adapter" if adapter is not None else "nothing",
        text_follows=False,
    )


def pretrained(name: str, manner: Manner, adapter: Path | None = None) -> Parts:
    """MusicGen as audiocraft fetches and reads it: from hub or folder, out of pickles, which can run code.

    Raises WeightsError when audiocraft cannot.
    """
    xformers_stand_in.supply()
    from audiocraft.models import MusicGen

    try:
        music = MusicGen.get_pretrained(name)
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"audiocraft cannot load {name}: {error}") from error
    if music.compression_model.channels != 1:
        raise WeightsError(f"{name} is stereo; the mono models can be played.")
    return parts_of(music.lm, music.compression_model, name, manner, adapter=adapter)
