"""The decoding loop against transformers' own, and beyond where that ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from composer.musicgen.geometry import Manner
from composer.musicgen.stepper import Array, TextMemory, WeightedText
from composer.musicgen.token_stream import TokenStream, rows_for
from composer.musicgen.torch_stepper import TorchStepper
from composer.musicgen.windows import Windows
from tests.composer.musicgen import tiny_musicgen

GEOMETRY = tiny_musicgen.GEOMETRY
STATES = np.random.default_rng(0).standard_normal((5, GEOMETRY.width)).astype(np.float32)

Codes = npt.NDArray[np.int64]


def stepper_for(model: Any, manner: Manner, capacity: int) -> TorchStepper:
    return TorchStepper(model.decoder.state_dict(), GEOMETRY, rows_for(manner), capacity)


def stream(
    manner: Manner, windows: Windows, seed: int = 0, states: Array = STATES, model: Any = None
) -> TokenStream:
    stepper = stepper_for(model or tiny_musicgen.model(), manner, windows.length)
    made = TokenStream(stepper, GEOMETRY, windows, manner, seed)
    text = stepper.remember("text", states)
    for lane in (0, 1):
        made.listen(lane, [WeightedText(text, 1.0)])
    return made


def frames(made: TokenStream, steps: int) -> Codes:
    whole = [made.step() for _ in range(steps)]
    return np.array([codes for codes in whole if codes is not None])


def by_generate(model: Any, guidance: float | None, tokens: int) -> tuple[Codes, Array]:
    """Codes (T, K) that transformers decodes, and the text states it was given."""
    encoded = tiny_musicgen.tokenizer()("warm piano jazz", return_tensors="pt")
    heard: list[torch.Tensor] = []
    decode = model.audio_encoder.decode

    def overheard(codes: torch.Tensor, **options: Any) -> Any:
        heard.append(codes)
        return decode(codes, **options)

    model.audio_encoder.decode = overheard
    model.generate(**encoded, do_sample=False, guidance_scale=guidance, max_new_tokens=tokens)
    model.audio_encoder.decode = decode
    states = model.enc_to_dec_proj(model.text_encoder(input_ids=encoded.input_ids).last_hidden_state)[0]
    return heard[0][0, 0].T.numpy(), states.numpy()


@pytest.mark.parametrize("guidance", [None, 3.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_greedy_tokens_are_those_of_generate(guidance: float | None, seed: int) -> None:
    model = tiny_musicgen.model(seed)
    theirs, states = by_generate(model, guidance, tokens=90)
    manner = Manner(guidance=guidance or 1.0, top_k=1)
    ours = frames(stream(manner, Windows(90, 20), states=states, model=model), 90)
    # generate() knows where it ends, and feeds begin tokens in its last steps.
    same = len(theirs) - (GEOMETRY.codebooks - 1)
    assert len(np.unique(theirs[:same], axis=0)) > 30  # the tiny model is not stuck
    assert ours[:same].tolist() == theirs[:same].tolist()


def test_a_window_that_took_over_is_as_if_it_had_been_read_in_one_go() -> None:
    """What the second window writes first equals what generating on its context alone gives."""
    windows, manner = Windows(40, 20), Manner(guidance=1.0, top_k=1)
    model = tiny_musicgen.model()
    stepper = stepper_for(model, manner, 40)
    made = TokenStream(stepper, GEOMETRY, windows, manner, 0)
    text = WeightedText(stepper.remember("text", STATES), 1.0)
    for lane in (0, 1):
        made.listen(lane, [text])
    whole = frames(made, 60)
    begin = windows.begins(1)
    # Teacher-forced in one forward pass: positions 0 .. 20 of the window that begins at frame `begin`.
    length = 21
    delayed = np.full((GEOMETRY.codebooks, length), GEOMETRY.begin_token)
    for k in range(GEOMETRY.codebooks):
        delayed[k, k + 1 :] = whole[begin : begin + length - k - 1, k]
    logits = model.decoder(
        input_ids=torch.from_numpy(delayed), encoder_hidden_states=torch.from_numpy(STATES)[None]
    ).logits
    chosen = logits[:, -1].argmax(dim=-1).tolist()
    at = begin + length - 1  # the step whose logits these are
    assert chosen == [int(whole[at - k, k]) for k in range(GEOMETRY.codebooks)]


def test_it_does_not_end_and_does_not_grow() -> None:
    made = stream(Manner(guidance=1.0, top_k=20), Windows(16, 8))
    frames(made, 500)
    held = made._codes.nbytes, len(made.texts_at), len(str(made.state()))
    later = frames(made, 500)
    assert len(later) == 500
    assert made._codes.nbytes == held[0] and len(made.texts_at) <= held[1]
    assert len(str(made.state())) < 2 * held[2]


def test_a_resumed_stream_goes_on_with_the_same_tokens_wherever_it_is_cut() -> None:
    manner, windows = Manner(top_k=20), Windows(24, 12)
    for cut in (2, 11, 12, 23, 24, 25, 36, 47, 100):
        made = stream(manner, windows, seed=5)
        frames(made, cut)
        state, texts = made.state(), list(made.texts_at)
        expected = frames(made, 40)
        other = stream(manner, windows, seed=1)
        other.resume(state, texts, lambda step: None)
        assert frames(other, 40).tolist() == expected.tolist(), cut


def test_after_beginning_again_every_frame_is_still_whole() -> None:
    made = stream(Manner(guidance=1.0, top_k=20), Windows(24, 12))
    frames(made, 30)
    memory = TextMemory("silence", *(np.zeros((4, 4, 1, 8), np.float32) for _ in "kv"))
    made.begin_again(0, [WeightedText(memory, 1.0)], lambda step: None)
    later = frames(made, 60)
    assert len(later) == 60 and later.min() >= 0


def test_a_mixture_of_texts_is_continuous_and_its_ends_are_the_texts() -> None:
    manner = Manner(guidance=1.0, top_k=1)
    stepper = stepper_for(tiny_musicgen.model(), manner, 8)
    a, b = (
        stepper.remember(str(n), np.random.default_rng(n).standard_normal((3 + n, 32)).astype(np.float32))
        for n in (1, 2)
    )

    def heard(*texts: tuple[TextMemory, float]) -> Array:
        for row in range(stepper.rows):
            stepper.listen(row, [WeightedText(*text) for text in texts])
        tokens = np.full((stepper.rows, GEOMETRY.codebooks), GEOMETRY.begin_token)
        return np.array(stepper.step(tokens, np.zeros(stepper.rows, np.int64), None)[0])

    only_a, only_b = heard((a, 1.0)), heard((b, 1.0))
    assert np.abs(only_a - only_b).max() > 0.01
    np.testing.assert_allclose(heard((a, 1.0 - 1e-7), (b, 1e-7)), only_a, atol=1e-5)
    halfway = [np.abs(heard((a, 1.0 - w), (b, w)) - only_a).max() for w in (0.1, 0.3, 0.6, 0.9)]
    assert halfway == sorted(halfway)


GOLDEN = {
    1: [[51, 5, 11, 4], [31, 5, 47, 3], [31, 5, 47, 3], [31, 5, 28, 3], [44, 5, 28, 4]],
    20: [[56, 46, 46, 57], [54, 2, 23, 59], [26, 5, 11, 57], [12, 34, 11, 41], [57, 4, 0, 54]],
}


@pytest.mark.parametrize("top_k", [1, 20])
def test_golden_tokens_of_the_tiny_model(top_k: int) -> None:
    """Every eighth frame, over two changes of windows: whatever changes the loop changes these."""
    made = stream(Manner(guidance=3.0, top_k=top_k), Windows(20, 10), seed=0 if top_k == 1 else 7)
    assert frames(made, 43)[::8].tolist() == GOLDEN[top_k]
