"""Everything a MusicGen composer is made of, from its options: text, steps, steering and codec."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from composer.errors import WeightsError
from composer.musicgen import adapter_files, directions, loading
from composer.musicgen.codec import CodecStream
from composer.musicgen.codec_thread import CodecThread, second_core
from composer.musicgen.geometry import Geometry, Manner
from composer.musicgen.loading import Options
from composer.musicgen.steering import Steering
from composer.musicgen.stepper import Stepper, WeightedText
from composer.musicgen.text import TextEncoder
from composer.musicgen.token_stream import TokenStream, rows_for
from composer.musicgen.windows import Windows

log = logging.getLogger(__name__)

CPU_WINDOWS = Windows(500, 250)
GPU_WINDOWS = Windows(1000, 400)
"""A GPU does not feel a longer past; the positions were trained to 1503."""
_MEASURED = ("music", "energetic electronic dance music with heavy drums", "calm solo piano")
"""Texts under which the reach of keys and values is measured: far from each other."""


@dataclass(frozen=True)
class Parts:
    """Loaded once a process. `steering` None plays the bare base model."""

    name: str
    backend: str
    geometry: Geometry
    windows: Windows
    manner: Manner
    text: TextEncoder
    stepper: Stepper
    codec: CodecThread
    steering: Steering | None
    steered_by: str
    text_follows: bool
    """Whether affect also moves the text, window by window."""


def assemble(options: Options) -> Parts:
    """Load, convert where that was not done yet, and find the directions if there is no adapter.

    Raises WeightsError with a sentence for the user.
    """
    checkpoint = loading.find(options)
    log.warning("%s: %s", checkpoint.name, loading.LICENCE)
    model = loading.load_model(checkpoint)
    geometry = loading.geometry_of(model)
    text = TextEncoder(loading.load_tokenizer(checkpoint), model)
    second = second_core()
    codec = CodecThread(CodecStream(model.audio_encoder), second)
    backend = _backend(options)
    windows = GPU_WINDOWS if backend == "torch" and _has_gpu() else CPU_WINDOWS
    stepper = _stepper(options, backend, checkpoint, model, text, geometry, windows, second)
    steering: Steering
    if options.adapter is not None:
        steering, steered_by = adapter_files.read(options.adapter, checkpoint.digest, geometry), "adapter"
    else:
        kept = loading.kept_beside(checkpoint) / (
            f"directions-{directions.recipe()}-{checkpoint.digest[:16]}.safetensors"
        )
        found = directions.read(kept)
        if found is None:
            log.warning("finding directions of affect in the weights: some seconds, once")
            found = directions.compute(
                model.decoder, text, geometry, _own_tokens(stepper, geometry, windows, options.manner, text)
            )
            directions.write(kept, found)
        steering, steered_by = found, "directions"
    del model
    gc.collect()  # the decoder's float32 weights, where the stepper has its own
    return Parts(
        checkpoint.name,
        backend,
        geometry,
        windows,
        options.manner,
        text,
        stepper,
        codec,
        steering,
        steered_by,
        text_follows=options.adapter is None,
    )


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _backend(options: Options) -> str:
    if options.backend != "auto":
        return options.backend
    if _has_gpu():
        return "torch"
    with _extra():
        from composer.musicgen import vectors

    return "compiled" if vectors.lanes() else "onnx"


@contextmanager
def _extra() -> Iterator[None]:
    """Around imports of what the extra brings."""
    try:
        yield
    except ImportError as error:
        raise WeightsError(
            f"{error.name} is missing: install the extra with pip install 'narrascore-live[musicgen]'"
        ) from error


def _stepper(
    options: Options,
    backend: str,
    checkpoint: loading.Checkpoint,
    model: Any,
    text: TextEncoder,
    geometry: Geometry,
    windows: Windows,
    second: ThreadPoolExecutor,
) -> Stepper:
    rows = rows_for(options.manner)
    if backend == "torch":
        import torch

        from composer.musicgen.torch_stepper import TorchStepper

        device = "cuda" if _has_gpu() else "cpu"
        dtype = torch.float16 if device == "cuda" else torch.float32
        return TorchStepper(model.decoder.state_dict(), geometry, rows, windows.length, device, dtype)
    if backend == "compiled":
        with _extra():
            from composer.musicgen.compiled_stepper import CompiledStepper

        log.warning("laying the weights out for this processor: some seconds, at every start")
        helper = second if options.threads > 1 else None
        arrays = loading.decoder_arrays(model)
        return CompiledStepper(arrays, geometry, rows, windows.length, options.bits, helper)
    with _extra():
        from composer.musicgen.conversion import converted

    return converted(
        loading.kept_beside(checkpoint),
        checkpoint.digest,
        lambda: loading.decoder_arrays(model),
        lambda: [text.encode(words) for words in _MEASURED],
        geometry,
        rows,
        windows.length,
        options.bits,
        options.threads,
    )


def _own_tokens(
    stepper: Stepper, geometry: Geometry, windows: Windows, manner: Manner, text: TextEncoder
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Some frames (T, K) of what the model plays when asked for nothing but music."""
    stream = TokenStream(stepper, geometry, windows, manner, seed=0)
    neutral = stepper.remember("music", text.encode("music"))
    stream.listen(0, [WeightedText(neutral, 1.0)])
    frames: list[np.ndarray[Any, np.dtype[np.int64]]] = []
    while len(frames) < min(directions.TOKENS, windows.length - geometry.codebooks):
        if (codes := stream.step()) is not None:
            frames.append(codes)
    return np.array(frames)
