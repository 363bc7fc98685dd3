"""The running window: equal to the models' own forward pass, with and without reuse, and bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sensor.errors import SensorError
from sensor.picture import Rgb
from sensor.vlm.loading import Vlm
from sensor.vlm.narrative import Narrative, can_reuse
from sensor.vlm.prompt import PRIMER, clock
from sensor.vlm.span import NarrativeConfig
from tests.sensor.pictures import blobs

SHORT = NarrativeConfig(frames=4, overlap=2)


def picture(seed: int) -> Rgb:
    return blobs(seed, 64, 36)


def own_forward(vlm: Vlm, pictures: list[Rgb], suffix: str = "") -> tuple[Tensor, Tensor]:
    """Last hidden states (n, D) and token ids (n,), by the model's own way from pixels, all in one pass."""
    inputs: dict[str, Any]
    match vlm.family_name:
        case "smolvlm":
            inputs = dict(vlm.processor([pictures], do_image_splitting=False, return_tensors="pt"))
            counts = [int(inputs["pixel_values"].shape[-1] // 8 // 2) ** 2] * len(pictures)
        case "video_llama_3":
            inputs = dict(vlm.processor(pictures, merge_size=2, return_tensors="pt"))
            counts = [int(grid.prod()) // 4 for grid in inputs["image_grid_thw"]]
        case _:
            inputs = dict(vlm.processor(pictures, return_tensors="pt"))
            counts = [int(grid.prod()) // 4 for grid in inputs["image_grid_thw"]]
    text = vlm.head + PRIMER
    placeholder = vlm.tokenizer.convert_ids_to_tokens(vlm.model.config.image_token_id)
    for t_s, count in enumerate(counts):
        image = placeholder * count
        text += clock(t_s) + vlm.family.before + image + vlm.family.after
    ids = vlm.tokenizer(text + suffix, add_special_tokens=False, return_tensors="pt")["input_ids"]
    if vlm.family_name == "qwen3_vl":
        inputs["mm_token_type_ids"] = (ids == vlm.model.config.image_token_id).int()
    with torch.inference_mode():
        out = vlm.model.model(input_ids=ids, **inputs)
    return out.last_hidden_state[0], ids[0]


def test_a_frame_reads_as_by_the_models_own_forward_pass(vlm: Vlm) -> None:
    pictures = [picture(seed) for seed in range(3)]
    narrative = Narrative(vlm, SHORT)
    states = [narrative.see(vlm.encode(rgb), float(t_s)) for t_s, rgb in enumerate(pictures)]
    hidden, ids = own_forward(vlm, pictures)
    visual = (ids == vlm.model.config.image_token_id).nonzero()[:, 0].chunk(3)
    for state, places in zip(states, visual, strict=True):
        torch.testing.assert_close(state, hidden[places].mean(0), atol=2e-5, rtol=1e-4)
    assert (states[0] - states[1]).abs().max() > 0.01, "frames read apart"


def test_a_branch_continues_as_the_models_own_forward_pass(vlm: Vlm) -> None:
    pictures = [picture(seed) for seed in range(2)]
    narrative = Narrative(vlm, SHORT)
    for t_s, rgb in enumerate(pictures):
        narrative.see(vlm.encode(rgb), float(t_s))
    with narrative.branch() as branch:
        branch.feed(vlm.tokens("\nHow"))
        logits = branch.feed(vlm.tokens(" is it?"))
    hidden, _ = own_forward(vlm, pictures, "\nHow is it?")
    with torch.inference_mode():
        torch.testing.assert_close(logits, vlm.model.lm_head(hidden[-1]), atol=2e-5, rtol=1e-4)


def test_reuse_equals_no_reuse_over_windows(vlm: Vlm) -> None:
    kept, anew = Narrative(vlm, SHORT), Narrative(vlm, SHORT, reuse=False)
    assert kept.reuse, "these families allow it"
    for step in range(9):
        seen = vlm.encode(picture(step))
        torch.testing.assert_close(
            kept.see(seen, 1.5 * step), anew.see(seen, 1.5 * step), atol=2e-5, rtol=1e-4
        )
        asked = []
        for narrative in (kept, anew):
            with narrative.branch() as branch:
                branch.feed(vlm.tokens("one"))
                asked.append(branch.feed(vlm.tokens("two")))
        torch.testing.assert_close(*asked, atol=5e-5, rtol=1e-4)


def test_asking_leaves_no_trace(vlm: Vlm) -> None:
    asked, quiet = Narrative(vlm, SHORT), Narrative(vlm, SHORT)
    for step in range(3):
        seen = vlm.encode(picture(step))
        states = [each.see(seen, float(step)) for each in (asked, quiet)]
        assert torch.equal(*states)
        with asked.branch() as branch:
            branch.feed(vlm.tokens("Why?"))


def test_the_story_so_far_matters(vlm: Vlm) -> None:
    last = vlm.encode(picture(9))
    states = []
    for earlier in (1, 2):
        narrative = Narrative(vlm, SHORT)
        narrative.see(vlm.encode(picture(earlier)), 0.0)
        states.append(narrative.see(last, 1.0))
    assert (states[0] - states[1]).abs().max() > 1e-3


def test_an_endless_stream_stays_bounded(vlm: Vlm) -> None:
    narrative = Narrative(vlm, SHORT)
    lengths, frames = set(), set()
    seen = vlm.encode(picture(0))
    for step in range(40):
        state = narrative.see(seen, 1e6 + step)
        lengths.add(len(narrative._ids))
        frames.add(narrative.frames)
        assert narrative._cached == len(narrative._ids) == narrative._cache.get_seq_length()
    assert frames == {1, 2, 3, 4} and max(lengths) < 400
    # Windows are alike: the clocks in them count from their own first frame.
    fresh = Narrative(vlm, SHORT)
    for step in range(narrative.frames):
        again = fresh.see(seen, float(step))
    torch.testing.assert_close(state, again, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("later_s", [0.0, -3.0, 16.0])
def test_a_gap_or_time_going_back_begins_the_story_anew(vlm: Vlm, later_s: float) -> None:
    narrative = Narrative(vlm, SHORT)
    narrative.see(vlm.encode(picture(1)), 5.0)
    after = narrative.see(vlm.encode(picture(2)), 5.0 + later_s)
    assert narrative.frames == 1 and narrative.span_s == 0.0
    assert torch.equal(after, Narrative(vlm, SHORT).see(vlm.encode(picture(2)), 0.0))


def test_an_overlap_must_fit() -> None:
    with pytest.raises(SensorError, match="overlap"):
        NarrativeConfig(frames=4, overlap=4)


def test_attention_that_forgets_is_not_reused(vlm: Vlm) -> None:
    class Text:
        layer_types = ("full_attention", "sliding_attention")

    class Config:
        text_config = Text

    class Model:
        config = Config

    assert can_reuse(vlm.model)
    assert not can_reuse(Model)


def test_pictures_of_any_shape_are_encoded(vlm: Vlm) -> None:
    for width, height in ((16, 128), (448, 56), (17, 23), (448, 252)):
        rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        seen = vlm.encode(rgb)
        assert len(seen.embeds) > 0 and bool(seen.embeds.isfinite().all())
