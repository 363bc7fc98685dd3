"""The decoder and the adapter: streaming equals batch, and an untrained adapter is no adapter."""

from __future__ import annotations

import torch

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
    decoder, adapter = tiny.player()
    state, stream = decoder.begin(1), adapter.begin()
    for t in range(tokens.shape[1]):
        residuals = stream.step(float(affect[0, t, 0]), float(affect[0, t, 1]))[:, None]
        logits = decoder.step(state, int(tokens[0, t]), int(positions[0, t]), (1, 2, 0, 1), residuals)
        torch.testing.assert_close(torch.from_numpy(logits[0]), whole[t], atol=2e-4, rtol=1e-4)


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
