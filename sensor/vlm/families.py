"""What the three families do differently: how a frame becomes visual tokens, and where those stand.

Image processors are taken by themselves and in their PIL form: the families' whole processors also want a
video processor (torchvision) and, for smolvlm, num2words, and none of that is needed for single frames. The
test holds the path here equal to the models' own forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sensor.picture import Rgb

VIDEO_MERGE = 2
"""VideoLLaMA 3 merges 2 x 2 patches of video frames, but none of still images (its default)."""


class Seen(NamedTuple):
    """One frame as the language model takes it."""

    embeds: Tensor
    """(n, D): one for each visual token."""
    deep: tuple[Tensor, ...]
    """DeepStack features, (n, D) each, added after each of the first layers; qwen3_vl only."""
    grid: tuple[int, int, int] | None
    """Patches in time, height and width; None where every frame has the same."""


@dataclass(frozen=True)
class Family:
    """How one family is called. `model` is its `...ForConditionalGeneration`."""

    text_model: str
    """Name of the language model inside `model.model`."""
    before: str
    after: str
    """What stands around the visual tokens."""

    def prepare(self, processor: Any, rgb: Rgb) -> dict[str, Any]:
        """A picture (h, w, 3) uint8 as the model's pixel arguments. Raises ValueError when it cannot be."""
        raise NotImplementedError

    def encode(self, model: Any, inputs: dict[str, Any]) -> Seen:
        """The vision tower's view of one picture."""
        raise NotImplementedError

    def positions(self, model: Any, ids: Tensor, seen: Sequence[Seen]) -> Tensor | None:
        """Rotary positions of the whole sequence `ids` (1, n); None where they just count."""
        return None


class VideoLlama3(Family):
    def prepare(self, processor: Any, rgb: Rgb) -> dict[str, Any]:
        return dict(processor(rgb, merge_size=VIDEO_MERGE, return_tensors="pt"))

    def encode(self, model: Any, inputs: dict[str, Any]) -> Seen:
        out = model.model.get_image_features(
            inputs["pixel_values"], inputs["image_grid_thw"], inputs["image_merge_sizes"], return_dict=True
        )
        return Seen(torch.cat(tuple(out.pooler_output)), (), _grid(inputs))


class SmolVlm(Family):
    def prepare(self, processor: Any, rgb: Rgb) -> dict[str, Any]:
        # One view of the whole frame: tiles would multiply the tokens. The first of its two resizes is for
        # tiles too.
        inputs = processor(rgb, do_image_splitting=False, do_resize=False, return_tensors="pt")
        return {name: inputs[name] for name in ("pixel_values", "pixel_attention_mask") if name in inputs}

    def encode(self, model: Any, inputs: dict[str, Any]) -> Seen:
        out = model.model.get_image_features(
            inputs["pixel_values"], inputs.get("pixel_attention_mask"), return_dict=True
        )
        return Seen(torch.cat(tuple(out.pooler_output)), (), None)


class Qwen3Vl(Family):
    def prepare(self, processor: Any, rgb: Rgb) -> dict[str, Any]:
        return dict(processor(rgb, return_tensors="pt"))

    def encode(self, model: Any, inputs: dict[str, Any]) -> Seen:
        out = model.model.get_image_features(
            inputs["pixel_values"], inputs["image_grid_thw"], return_dict=True
        )
        deep = tuple(torch.cat(tuple(each)) for each in out.deepstack_features)
        return Seen(torch.cat(tuple(out.pooler_output)), deep, _grid(inputs))

    def positions(self, model: Any, ids: Tensor, seen: Sequence[Seen]) -> Tensor | None:
        kinds = (ids == model.config.image_token_id).int()
        grids = torch.tensor([each.grid for each in seen], device=ids.device) if seen else None
        found, _ = model.model.get_rope_index(ids, mm_token_type_ids=kinds, image_grid_thw=grids)
        positions: Tensor = found  # (3, 1, n): time, height, width
        return positions


def _grid(inputs: dict[str, Any]) -> tuple[int, int, int]:
    frames, height, width = inputs["image_grid_thw"][0].tolist()
    return int(frames), int(height), int(width)


FAMILIES: dict[str, Family] = {
    "video_llama_3": VideoLlama3("language_model", "", ""),
    "smolvlm": SmolVlm("text_model", "<fake_token_around_image><global-img>", "<fake_token_around_image>"),
    "qwen3_vl": Qwen3Vl("language_model", "<|vision_start|>", "<|vision_end|>"),
}
"""By `model_type`."""
