"""The MLP probe (eq. 3): a frame's mean hidden state to valence and arousal. All that is ever trained.

Two layers, GELU, dropout 0.1, clipped to [-1, 1]. The input is standardized first: a few dimensions of a
language model's hidden states are hundreds of times as large as the rest.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from sensor.errors import WeightsError
from sensor.reading import Point, clip_unit
from sensor.vlm.card import CARD_FILE, FORMAT, WEIGHTS_FILE, Card, read_card

HIDDEN = 256
DROPOUT = 0.1


class Projector(nn.Module):
    """Hidden states (..., D) to (..., 2), not clipped."""

    shift: Tensor
    scale: Tensor

    def __init__(self, width: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.register_buffer("shift", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, 2)
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.shift) * self.scale
        y: Tensor = self.second(self.drop(nn.functional.gelu(self.first(x))))
        return y

    def standardize(self, x: Tensor) -> None:
        """Take mean and spread of the inputs from (m, D)."""
        self.shift.copy_(x.mean(0))
        self.scale.copy_(1.0 / (x.std(0) + 1e-6))

    def read(self, state: Tensor) -> Point | None:
        """(valence, arousal) in [-1, 1] of one mean hidden state (D,); None when that is not finite."""
        with torch.inference_mode():
            valence, arousal = self(state).tolist()
        if not (math.isfinite(valence) and math.isfinite(arousal)):
            return None
        return clip_unit(valence), clip_unit(arousal)


def save(folder: Path, projector: Projector, card: Card) -> Path:
    """Write weights and card; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    data = save_tensors({name: each.contiguous() for name, each in projector.state_dict().items()})
    card = {"format": FORMAT, **card, "weights_sha256": hashlib.sha256(data).hexdigest()}
    (folder / WEIGHTS_FILE).write_bytes(data)
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return folder


def load(folder: Path, fingerprint: str, width: int) -> Projector:
    """The probe in `folder` for the model of that fingerprint, whose hidden states have `width` numbers.

    Raises `WeightsError` when a file is missing, truncated, or belongs to another model.
    """
    card = read_card(folder, fingerprint)
    path = folder / WEIGHTS_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(path, "the probe's weights", f"no readable file ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != card.get("weights_sha256"):
        raise WeightsError(path, f"the file {CARD_FILE} describes", f"{len(data)} other bytes")
    try:
        tensors = load_tensors(data)
        projector = Projector(width, len(tensors["first.bias"]))
        projector.load_state_dict(tensors)
    except (SafetensorError, KeyError, RuntimeError) as error:
        raise WeightsError(path, f"a probe of {width} inputs", str(error).splitlines()[0]) from None
    if not all(bool(each.isfinite().all()) for each in tensors.values()):
        raise WeightsError(path, "finite weights", "some that are not")
    return projector.eval()
