"""A first affect adapter found in the weights: contrastive activation directions, computed when loaded.

The same tokens are read under prompts that differ in one feeling; the difference of the mean activations of a
block is the direction of that feeling there (Facchiano et al. 2025, arXiv 2504.04479; MusicRFM,
arXiv 2510.19127). Middle blocks are used most, and what is added is measured against the residual stream's
own RMS, so that no weight set is overdriven.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from composer.musicgen.geometry import Geometry
from composer.musicgen.steering import Array, Directions
from composer.musicgen.text import TextEncoder

log = logging.getLogger(__name__)

PAIRS = {
    "valence": (
        ("happy, joyful, uplifting music in a major key", "sad, sorrowful, dark music in a minor key"),
        ("bright, warm, hopeful music", "bleak, cold, tragic music"),
    ),
    "arousal": (
        ("energetic, intense, driving, loud music", "calm, quiet, gentle, sparse music"),
        ("fast, exciting, powerful music", "slow, sleepy, soft ambient music"),
    ),
}
TOKENS = 64
STRENGTH = 0.06
"""Norm added to a middle block at full affect, in units of the residual stream's norm there. Each of the
shallow blocks adds its own, so the sum is several times that."""
CAP = 0.08
_VERSION = 1


def recipe() -> str:
    """Changes when what is computed here does."""
    return hashlib.sha256(repr((PAIRS, TOKENS, STRENGTH, CAP, _VERSION)).encode()).hexdigest()[:16]


def compute(decoder: Any, text: TextEncoder, geometry: Geometry, codes: npt.NDArray[np.int64]) -> Directions:
    """Directions of `decoder` (a MusicgenForCausalLM in float32) on its own tokens `codes` (T, K).

    One forward pass of T positions per prompt.
    """
    found = {}
    power = np.zeros(geometry.shallow)
    for axis, pairs in PAIRS.items():
        difference = np.zeros((geometry.shallow, geometry.width))
        for high, low in pairs:
            up, up_power = _activations(decoder, text.encode(high), geometry, codes)
            down, down_power = _activations(decoder, text.encode(low), geometry, codes)
            difference += up - down
            power += (up_power + down_power) / (2 * len(PAIRS) * len(pairs))
        found[axis] = difference / np.maximum(np.linalg.norm(difference, axis=1, keepdims=True), 1e-12)
    depth = (np.arange(geometry.shallow) + 0.5) / geometry.layers
    bell = np.exp(-(((depth - 0.5) / 0.22) ** 2))
    norm = np.sqrt(power * geometry.width)  # of the residual stream's vector
    scaled = {axis: (STRENGTH * bell * norm)[:, None] * unit for axis, unit in found.items()}
    return Directions(
        scaled["valence"].astype(np.float32),
        scaled["arousal"].astype(np.float32),
        (CAP * norm).astype(np.float32),
    )


@torch.inference_mode()
def _activations(
    decoder: Any, states: Array, geometry: Geometry, codes: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean over the tokens (shallow, width), and mean square (shallow,), of each shallow block's output."""
    length = len(codes)
    delayed = np.full((geometry.codebooks, length), geometry.begin_token, dtype=np.int64)
    for k in range(geometry.codebooks):
        delayed[k, k + 1 :] = codes[: length - k - 1, k]
    means: list[npt.NDArray[np.float64]] = []
    squares: list[float] = []

    def keep(module: object, inputs: object, output: torch.Tensor) -> None:
        x = output[0].double()
        means.append(x.mean(dim=0).numpy())
        squares.append(float(x.square().mean()))

    layers = decoder.model.decoder.layers[: geometry.shallow]
    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        decoder.model(
            input_ids=torch.from_numpy(delayed),
            encoder_hidden_states=torch.from_numpy(states)[None],
            use_cache=False,
        )
    finally:
        for hook in hooks:
            hook.remove()
    return np.array(means), np.array(squares)


def read(path: Path) -> Directions | None:
    """Directions kept before, or None."""
    try:
        arrays = load_file(path)
        return Directions(arrays["valence"], arrays["arousal"], arrays["cap"])
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, KeyError) as error:
        log.warning("%s is not usable and will be computed again: %s", path, error)
        return None


def write(path: Path, directions: Directions) -> None:
    part = path.with_suffix(".part")
    save_file({"valence": directions.valence, "arousal": directions.arousal, "cap": directions.cap}, part)
    part.replace(path)
