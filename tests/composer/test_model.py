"""The decoder and the adapter: streaming equals batch, and an untrained adapter is no adapter."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
import torch

from composer.decoding import StepDecoder
from composer.weights import read
from tests.composer import tiny


def random_stream(
    length: int, seed: int = 3
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, tiny.CONFIG.vocabulary, (1, length), generator=generator)
    positions = torch.randint(0, tiny.CONFIG.bar_steps, (1, length), generator=generator)
    styles = torch.tensor([[1, 2, 0, 1]]).expand(1, length, 4)
    affect = torch.rand((1, length, 2), generator=generator) * 2 - 1
    return tokens, positions, styles, affect


def test_step_equals_forward_far_beyond_the_window() -> None:
    tokens, positions, styles, affect = random_stream(5 * tiny.CONFIG.window)
    whole = tiny.decoder()(tokens, positions, styles, tiny.adapter()(affect))[0]
    decoder, (_, adapter) = StepDecoder(tiny.weights().base, tiny.CONFIG, bits=32), tiny.player()
    state, stream = decoder.begin(1), adapter.begin()
    for t in range(tokens.shape[1]):
        residuals = stream.step(float(affect[0, t, 0]), float(affect[0, t, 1]))[:, None]
        logits = decoder.step(state, int(tokens[0, t]), int(positions[0, t]), (1, 2, 0, 1), residuals)
        torch.testing.assert_close(torch.from_numpy(logits[0]), whole[t], atol=2e-4, rtol=1e-4)


def stepped(decoder: StepDecoder, tokens: int, rows: int = 2) -> npt.NDArray[np.float32]:
    """Logits (tokens, rows, V) for random tokens."""
    random, c, state = np.random.default_rng(5), decoder.config, decoder.begin(rows)
    out = []
    for token in random.integers(c.vocabulary, size=tokens):
        residuals = 0.1 * random.standard_normal((c.shallow, rows, c.width)).astype(np.float32)
        out.append(decoder.step(state, int(token), 3, (0,) * len(c.style_sizes), residuals))
    return np.array(out)


@pytest.fixture(scope="module")
def shipped() -> Mapping[int, StepDecoder]:
    """The shipped weights, by the bits of a weight."""
    weights = read()
    return {bits: StepDecoder(weights.base, weights.config, bits) for bits in (8, 32)}


def test_eight_bits_say_nearly_the_same(shipped: Mapping[int, StepDecoder]) -> None:
    """Of tokens at random, which is harder than music: how far the odds are from those of all 32 bits."""
    exact, near = (stepped(shipped[bits], 400).astype(np.float64) for bits in (32, 8))
    logs, near_logs = (x - np.log(np.exp(x).sum(axis=2, keepdims=True)) for x in (exact, near))
    divergence = (np.exp(logs) * (logs - near_logs)).sum(axis=2) / np.log(2.0)
    assert 0.0 < divergence.mean() < 0.01


def test_a_row_does_not_hear_its_neighbour(shipped: Mapping[int, StepDecoder]) -> None:
    """The frozen base stays bare, to the bit, whatever is added beside it."""
    decoder = shipped[8]
    c, bare, steered = decoder.config, decoder.begin(2), decoder.begin(2)
    residuals = np.zeros((c.shallow, 2, c.width), np.float32)
    residuals[:, 1] = 0.1 * np.random.default_rng(0).standard_normal(c.width)
    for token in range(20):
        both = decoder.step(bare, token, 3, (0, 0, 0, 0))
        other = decoder.step(steered, token, 3, (0, 0, 0, 0), residuals)
        assert np.array_equal(other[0], both[0]) and np.array_equal(both[0], both[1])
        assert np.abs(other[1] - both[1]).max() > 0.01


def test_weights_of_another_shape_are_refused() -> None:
    weights = dict(tiny.weights().base)
    weights["blocks.1.up.weight"] = weights["blocks.1.up.weight"][:-1]
    with pytest.raises(ValueError, match=r"blocks\.1\.up\.weight has the shape"):
        StepDecoder(weights, tiny.CONFIG)


_before: StepDecoder | None = None


def _after_the_fork(pipe: object) -> None:
    assert _before is not None
    pipe.send(stepped(_before, 300))  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.platform != "linux", reason="composers are forked on Linux only")
def test_a_decoder_made_before_a_fork_steps_after_it(shipped: Mapping[int, StepDecoder]) -> None:
    """Two forked processes and their parent, at once: the same bits."""
    global _before
    _before = shipped[8]
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(2)]
    children = [context.Process(target=_after_the_fork, args=(theirs,)) for _, theirs in pipes]
    for child in children:
        child.start()
    ours = stepped(shipped[8], 300)
    for (pipe, _), child in zip(pipes, children, strict=True):
        assert pipe.poll(60.0), "it hangs"
        assert np.array_equal(pipe.recv(), ours)
        child.join()


def test_an_adapter_stream_that_replays_its_past_stands_where_it_stood() -> None:
    _, adapter = tiny.player()
    *_, affect = random_stream(60)
    curve = [(float(v), float(a)) for v, a in affect[0]]
    first, second = adapter.begin(), adapter.begin()
    for valence, arousal in curve[:40]:
        first.step(valence, arousal)
    second.replay(first.past)
    for valence, arousal in curve[40:]:
        assert (first.step(valence, arousal) == second.step(valence, arousal)).all()


def test_nothing_looks_ahead() -> None:
    model, adapter = tiny.decoder(), tiny.adapter()
    tokens, positions, styles, affect = random_stream(40)
    before = model(tokens, positions, styles, adapter(affect))[0]
    tokens[0, 30:] = 1
    affect[0, 30:] = -affect[0, 30:]
    after = model(tokens, positions, styles, adapter(affect))[0]
    assert torch.equal(before[:30], after[:30])
    assert not torch.allclose(before[30:], after[30:])


def test_a_token_older_than_all_windows_is_forgotten() -> None:
    model = tiny.decoder()
    reach = tiny.CONFIG.layers * (tiny.CONFIG.window - 1)
    tokens, positions, styles, _ = random_stream(reach + 8)
    before = model(tokens, positions, styles)[0]
    tokens[0, 0] = (tokens[0, 0] + 1) % tiny.CONFIG.vocabulary
    after = model(tokens, positions, styles)[0]
    torch.testing.assert_close(before[reach + 1 :], after[reach + 1 :])
    assert not torch.allclose(before[1], after[1])


def test_an_untrained_adapter_is_exactly_no_adapter() -> None:
    model, adapter = tiny.decoder(), tiny.adapter(trained=False)
    tokens, positions, styles, affect = random_stream(50)
    assert torch.equal(model(tokens, positions, styles), model(tokens, positions, styles, adapter(affect)))


def test_a_trained_adapter_changes_the_odds() -> None:
    model, adapter = tiny.decoder(), tiny.adapter()
    tokens, positions, styles, affect = random_stream(50)
    one = model(tokens, positions, styles, adapter(affect))
    other = model(tokens, positions, styles, adapter(-affect))
    assert not torch.allclose(one, other, atol=1e-3)


def test_the_residual_enters_the_shallow_three_quarters_only() -> None:
    assert tiny.CONFIG.shallow == 3
    assert len(tiny.adapter()(torch.zeros(1, 5, 2))) == 3


def test_the_style_is_heard_however_long_the_piece() -> None:
    model = tiny.decoder()
    tokens, positions, styles, _ = random_stream(4 * tiny.CONFIG.window)
    other = styles.clone()
    other[..., 1] = 0
    late = model(tokens, positions, styles)[0, -1], model(tokens, positions, other)[0, -1]
    assert not torch.allclose(*late, atol=1e-3)
