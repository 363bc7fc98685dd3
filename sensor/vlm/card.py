"""The card that comes with a probe: which model it belongs to. Read before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensor.errors import WeightsError
from sensor.vlm import prompt
from sensor.vlm.source import read_json

WEIGHTS_FILE = "vlm-probe.safetensors"
CARD_FILE = "vlm-probe.json"
FORMAT = 1

Card = dict[str, Any]
"""The model card as JSON holds it."""


def read_card(folder: Path, fingerprint: str) -> Card:
    """The card of the probe in `folder`, found to belong to the model of that fingerprint.

    Raises `WeightsError`.
    """
    path = folder / CARD_FILE
    expected = f"a vlm probe's card, JSON of format {FORMAT}"
    card = read_json(path, expected)
    model = card.get("model")
    if card.get("format") != FORMAT or not isinstance(model, dict):
        raise WeightsError(path, expected, "another format")
    if model.get("fingerprint") != fingerprint:
        raise WeightsError(
            path,
            f"a probe for the model {fingerprint[:12]}...",
            f"one for {model.get('name')} {str(model.get('fingerprint'))[:12]}...",
        )
    if card.get("prompt_sha256") != prompt.digest():
        raise WeightsError(path, "a probe trained under this version's primer", "another wording")
    return card
