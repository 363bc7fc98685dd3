"""The running window: frames of an endless stream in front of a language model that attends over a bounded
past.

A window begins with the primer and grows frame by frame, each behind its clock. Attention is causal, so
what was computed for earlier frames stays valid: keys and values are kept and a new frame costs its own
tokens only. When the window is full, a new one begins with the last frames of the old (the paper's
overlapping windows, 3.6), in one pass; what the vision tower made of them is kept too. Clocks count from
the window's first frame, so numbers never grow out of what the model knows.

Questions are asked on a branch: their tokens are fed after the frames and taken back, as if never asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sensor.vlm.families import Seen
from sensor.vlm.loading import Vlm
from sensor.vlm.prompt import PRIMER, clock
from sensor.vlm.span import NarrativeConfig


class _Shown(NamedTuple):
    t_s: float
    seen: Seen


class Narrative:
    """One session's window. One caller at a time."""

    def __init__(self, vlm: Vlm, config: NarrativeConfig | None = None, reuse: bool | None = None) -> None:
        """`reuse` False computes everything anew at each step; None reuses where the model allows it."""
        self._vlm = vlm
        self.config = config or NarrativeConfig()
        self.reuse = can_reuse(vlm.model) if reuse is None else reuse
        self._text_model = getattr(vlm.model.model, vlm.family.text_model)
        self._layers = int(vlm.model.config.text_config.num_hidden_layers)
        self._prefix = vlm.tokens(vlm.head + PRIMER)
        self._shown: list[_Shown] = []
        self._ids: list[int] = []
        self._cache: Any = None
        self._cached = 0

    @property
    def frames(self) -> int:
        """Frames in the present window."""
        return len(self._shown)

    @property
    def span_s(self) -> float:
        """Seconds from the window's first frame to its last."""
        return self._shown[-1].t_s - self._shown[0].t_s if self._shown else 0.0

    def clear(self) -> None:
        """Begin anew with the next frame."""
        self._shown.clear()
        self._restart()

    def see(self, seen: Seen, t_s: float) -> Tensor:
        """Take in one frame: the mean of its visual tokens' last hidden states (D,), float32 on the CPU.

        A frame not later than the one before begins the story anew.
        """
        if self._shown and not 0 < t_s - self._shown[-1].t_s <= self.config.longest_gap_s:
            self.clear()
        if len(self._shown) >= self.config.frames:
            self._shown = self._shown[len(self._shown) - self.config.overlap :]
            self._restart()
        self._shown.append(_Shown(t_s, seen))
        fresh = [self._shown[-1]] if self._ids else self._shown
        if not self._ids:
            self._ids = list(self._prefix)
        end = len(self._ids)
        for shown in fresh:
            ids, begin = self._frame_ids(shown)
            start = len(self._ids) + begin
            self._ids += ids
            end = start + len(shown.seen.embeds)
        hidden = self._advance()
        # `hidden` ends where the ids end, wherever it begins.
        return hidden[start - len(self._ids) : end - len(self._ids) or None].float().mean(0).cpu()

    @contextmanager
    def branch(self) -> Iterator[Branch]:
        """A place to ask after the frames seen so far; what is fed there is taken back at the end."""
        length, cached = len(self._ids), self._cached
        try:
            yield Branch(self._feed)
        finally:
            del self._ids[length:]
            if self._cache is not None and self._cached > cached:
                self._cache.crop(cached - self._cached)
                self._cached = cached

    def _feed(self, ids: list[int]) -> Tensor:
        self._ids += ids
        hidden = self._advance()
        with torch.inference_mode():
            logits: Tensor = self._vlm.model.lm_head(hidden[-1:])
        return logits[0].float().cpu()

    def _restart(self) -> None:
        self._ids = []
        self._cache, self._cached = None, 0

    def _frame_ids(self, shown: _Shown) -> tuple[list[int], int]:
        """Tokens of one frame with its clock, and where its visual tokens begin among them."""
        vlm, family = self._vlm, self._vlm.family
        before = vlm.tokens(clock(shown.t_s - self._shown[0].t_s) + family.before)
        image = [int(vlm.model.config.image_token_id)] * len(shown.seen.embeds)
        return [*before, *image, *vlm.tokens(family.after)], len(before)

    def _advance(self) -> Tensor:
        """Run the language model over what it has not seen; last hidden states of that, (n, D)."""
        model = self._vlm.model
        done = self._cached if self.reuse else 0
        whole = torch.tensor([self._ids], device=self._vlm.device)
        ids = whole[:, done:]
        with torch.inference_mode():
            embeds = model.get_input_embeddings()(ids)
            visual = ids == model.config.image_token_id
            count = int(visual.sum())
            extra: dict[str, Any] = {}
            if count:
                fresh = self._newest(count)
                embeds = embeds.masked_scatter(
                    visual[..., None], torch.cat([each.embeds for each in fresh]).to(embeds.dtype)
                )
                if fresh[0].deep:
                    deep = zip(*(each.deep for each in fresh), strict=True)
                    extra["visual_pos_masks"] = visual
                    extra["deepstack_visual_embeds"] = [torch.cat(layer) for layer in deep]
            positions = self._vlm.family.positions(model, whole, [each.seen for each in self._shown])
            if positions is not None:
                extra["position_ids"] = positions[..., done:]
            out = self._text_model(
                inputs_embeds=embeds,
                past_key_values=self._cache if self.reuse else None,
                use_cache=self.reuse,
                **extra,
            )
        if self.reuse:
            self._cache, self._cached = out.past_key_values, len(self._ids)
        hidden: Tensor = out.last_hidden_state[0]
        return hidden

    def _newest(self, tokens: int) -> list[Seen]:
        """The last frames that make up `tokens` visual tokens."""
        found: list[Seen] = []
        for shown in reversed(self._shown):
            found.insert(0, shown.seen)
            tokens -= len(shown.seen.embeds)
            if tokens == 0:
                break
        assert tokens == 0, "a frame's tokens are fed together"
        return found


class Branch:
    """Tokens fed behind the frames, one call after another."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed

    def feed(self, ids: list[int]) -> Tensor:
        """Logits (V,) of the token after `ids`, float32 on the CPU."""
        logits: Tensor = self._feed(ids)
        return logits


def can_reuse(model: Any) -> bool:
    """Whether keys and values may be kept and taken back: plain attention in every layer.

    Sliding or linear attention forgets on its own, so taking tokens back would not restore what was.
    """
    text = model.config.text_config
    kinds = getattr(text, "layer_types", None)
    if kinds is not None:
        return all(kind == "full_attention" for kind in kinds)
    return getattr(text, "sliding_window", None) is None or not getattr(text, "use_sliding_window", True)
