"""The whole composer: block sizes cannot matter, seeds do, affect is heard at once, pieces resume."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from composer import relay
from composer.errors import AnchorError, ComposerError
from composer.score import TICK_SAMPLES
from composer.symbolic import SymbolicComposer, create
from composer.synth import Synth
from tests.composer import tiny

pytestmark = pytest.mark.usefixtures("tones_kept")

Block = np.ndarray[tuple[int, int], np.dtype[np.float32]]
Curve = list[tuple[float, float, int]]

SECOND = 48_000
WANDER: Curve = [(0.3, -0.2, 0), (0.8, 0.9, 20_000), (-0.9, 0.5, 55_123), (-0.5, -0.8, 90_000)]


@pytest.fixture
def composers() -> Iterator[list[SymbolicComposer]]:
    made: list[SymbolicComposer] = []
    yield made
    for composer in made:
        composer.close()


def begin(made: list[SymbolicComposer], anchor: str = "cinematic", seed: int = 5) -> SymbolicComposer:
    for other in made:
        other.close()  # one synthesiser at a time
    composer = SymbolicComposer(*tiny.player())
    made.append(composer)
    composer.prime(anchor, seed)
    return composer


def play(composer: SymbolicComposer, samples: int, curve: Curve, sizes: tuple[int, ...] = (480,)) -> Block:
    for valence, arousal, at in curve:
        composer.steer(valence, arousal, at)
    blocks: list[Block] = []
    have = 0
    while have < samples:
        size = min(sizes[len(blocks) % len(sizes)], samples - have)
        blocks.append(composer.render(size))
        assert blocks[-1].shape == (size, 2) and blocks[-1].dtype == np.float32
        have += size
    return np.concatenate(blocks)


@pytest.mark.parametrize("sizes", [(1, 479, 1231), (100_000,)])
def test_streaming_equals_batch(composers: list[SymbolicComposer], sizes: tuple[int, ...]) -> None:
    whole = play(begin(composers), 3 * SECOND, WANDER)
    again = play(begin(composers), 3 * SECOND, WANDER, sizes)
    assert np.array_equal(whole, again)
    assert np.abs(whole).max() > 0.01, "it played nothing"


def test_another_seed_is_another_piece(composers: list[SymbolicComposer]) -> None:
    one = play(begin(composers, seed=1), 2 * SECOND, [])
    other = play(begin(composers, seed=2), 2 * SECOND, [])
    assert not np.allclose(one, other, atol=1e-3)


def test_a_steer_is_heard_within_a_tick_and_never_before(composers: list[SymbolicComposer]) -> None:
    at = 2 * SECOND + 100
    plain = play(begin(composers), 3 * SECOND, [(0.0, 0.0, 0)])
    steered = play(begin(composers), 3 * SECOND, [(0.0, 0.0, 0), (0.5, 0.9, at)])
    first = int(np.flatnonzero(np.any(plain != steered, axis=1))[0])
    assert at <= first <= at + TICK_SAMPLES + Synth.latency_samples + 96


def test_arousal_makes_it_louder_and_denser(composers: list[SymbolicComposer]) -> None:
    def level_and_notes(arousal: float) -> tuple[float, int]:
        composer = begin(composers)
        pcm = play(composer, 6 * SECOND, [(0.0, arousal, 0)], (4800,))
        return float(np.sqrt(np.mean(pcm[SECOND:] ** 2))), len(composer.events())

    (quiet, few), (loud, many) = level_and_notes(-0.9), level_and_notes(0.9)
    assert loud > 1.5 * quiet
    assert many > 1.5 * few


def resumed(composers: list[SymbolicComposer], kept: bytes, exact: bool = True) -> SymbolicComposer:
    other = begin(composers, anchor="ambient", seed=77)
    other.restore(kept, exact)
    return other


@pytest.fixture
def short_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Racks take over every two seconds, so that a short piece sees several at once and some go."""
    monkeypatch.setattr(relay, "LEG_TICKS", 200)
    monkeypatch.setattr(relay, "_LONGEST_TICKS", 350)


@pytest.mark.usefixtures("short_legs")
@pytest.mark.parametrize("seconds", [0.5, 2.2, 4.0, 9.1])
def test_a_restored_piece_goes_on_with_the_same_samples(
    composers: list[SymbolicComposer], seconds: float
) -> None:
    first = begin(composers)
    play(first, int(seconds * SECOND) + 123, WANDER)
    kept, known = first.state(), len(first.events())
    more = [(0.6, 0.7, int((seconds + 2.0) * SECOND))]
    rest = play(first, 4 * SECOND, more)
    second = resumed(composers, kept)
    heard = play(second, 4 * SECOND, more)
    assert np.array_equal(heard, rest)
    assert second.events() == first.events()[known:]
    assert np.abs(rest).max() > 0.01, "there must be something to compare"


@pytest.mark.usefixtures("short_legs")
def test_the_shipped_weights_stream_and_resume_bit_for_bit(composers: list[SymbolicComposer]) -> None:
    def shipped() -> SymbolicComposer:
        for other in composers:
            other.close()
        composers.append(create())
        return composers[-1]

    whole = shipped()
    whole.prime("lofi", 11)
    expected = play(whole, 6 * SECOND, WANDER, (100_000,))
    first = shipped()
    first.prime("lofi", 11)
    begun = play(first, 3 * SECOND, WANDER, (479, 1, 1231))
    kept = first.state()
    second = shipped()
    second.restore(kept)
    rest = play(second, 3 * SECOND, [], (480,))
    assert np.array_equal(np.concatenate([begun, rest]), expected)
    assert np.abs(rest).max() > 0.01


@pytest.mark.usefixtures("short_legs")
@pytest.mark.parametrize("wait_s", [0.01, 0.2, 3.0])
def test_a_piece_restored_about_a_change_of_anchor_goes_on_exactly(
    composers: list[SymbolicComposer], wait_s: float
) -> None:
    first = begin(composers, "neoclassical")
    play(first, 3 * SECOND, WANDER)
    first.prime("a slow synthwave with strings", 5)
    play(first, int(wait_s * SECOND), [])
    kept = first.state()
    rest = play(first, 4 * SECOND, [])
    second = resumed(composers, kept)
    assert np.array_equal(play(second, 4 * SECOND, []), rest)
    assert second.now_playing() == first.now_playing()


def test_a_quickly_restored_piece_has_the_same_notes_and_level(composers: list[SymbolicComposer]) -> None:
    first = begin(composers)
    play(first, 4 * SECOND, WANDER)
    kept, known = first.state(), len(first.events())
    rest = play(first, 4 * SECOND, [])
    notes = first.events()[known:]
    second = resumed(composers, kept, exact=False)
    heard = play(second, 4 * SECOND, [])
    assert second.events() == notes

    # Ringing oscillators come back in another phase: the same music, not the same samples.
    def level(pcm: Block) -> Block:
        return np.asarray(np.sqrt(np.mean(pcm.reshape(-1, 4800, 2) ** 2, axis=(1, 2))))

    assert np.abs(20 * np.log10((level(heard) + 1e-4) / (level(rest) + 1e-4))).max() < 3.0


def test_an_anchor_taken_back_within_its_bar_changes_nothing_for_long(
    composers: list[SymbolicComposer],
) -> None:
    composer = begin(composers, "neoclassical")
    play(composer, 3 * SECOND, [])
    composer.prime("synthwave", 5)
    composer.prime("neoclassical", 5)
    play(composer, 6 * SECOND, [])
    assert composer.now_playing()["style"] == "neoclassical"


def test_a_new_anchor_changes_the_sound_without_a_hole_or_a_click(composers: list[SymbolicComposer]) -> None:
    composer = begin(composers, "neoclassical")
    play(composer, 3 * SECOND, [])
    before = composer.now_playing()["style"]
    composer.prime("synthwave", 5)
    pcm = play(composer, 8 * SECOND, [])
    assert before == "neoclassical" and composer.now_playing()["style"] == "synthwave"
    assert np.abs(np.diff(pcm, axis=0)).max() < 0.5
    windows = np.sqrt(np.mean(pcm.reshape(-1, SECOND // 2, 2) ** 2, axis=(1, 2)))
    assert windows.min() > 1e-4


def test_another_seed_while_playing_is_another_piece_in_the_same_style(
    composers: list[SymbolicComposer],
) -> None:
    plain = begin(composers)
    play(plain, 6 * SECOND, [], (4800,))
    composer = begin(composers)
    play(composer, 2 * SECOND, [], (4800,))
    composer.prime("cinematic", 6)
    play(composer, 4 * SECOND, [], (4800,))
    assert composer.now_playing()["style"] == "cinematic"
    early = [s for s in plain.events() if s.at_sample < 2 * SECOND]
    assert list(composer.events()[: len(early)]) == early
    assert composer.events() != plain.events()


def test_affect_never_changes_the_style(composers: list[SymbolicComposer]) -> None:
    composer = begin(composers, "ambient")
    play(composer, 4 * SECOND, WANDER)
    assert composer.now_playing()["style"] == "ambient"


@pytest.mark.parametrize("wild", [(9.0, -9.0), (math.nan, 0.5), (math.inf, -math.inf)])
def test_wild_affect_is_clamped_or_ignored(
    composers: list[SymbolicComposer], wild: tuple[float, float]
) -> None:
    composer = begin(composers)
    pcm = play(composer, SECOND, [(*wild, 0)])
    assert np.isfinite(pcm).all() and np.abs(pcm).max() <= 1.0


def test_time_running_backwards_means_from_the_later_time_on(composers: list[SymbolicComposer]) -> None:
    backwards = play(begin(composers), SECOND, [(0.1, 0.1, 24_000), (0.9, 0.9, 0)])
    forwards = play(begin(composers), SECOND, [(0.1, 0.1, 24_000), (0.9, 0.9, 24_000)])
    assert np.array_equal(backwards, forwards)


def test_an_accent_is_struck_on_the_next_beat(composers: list[SymbolicComposer]) -> None:
    composer = begin(composers)
    play(composer, SECOND, [])
    known = set(composer.events())
    composer.accent(SECOND)
    plain = begin(composers)
    play(plain, 4 * SECOND, [])
    composer = begin(composers)
    play(composer, SECOND, [])
    composer.accent(SECOND)
    play(composer, 3 * SECOND, [])
    added = set(composer.events()) - set(plain.events()) - known
    assert added and min(strike.at_sample for strike in added) >= SECOND


@pytest.mark.parametrize("text", ["", "   ", "x" * 10_000])
def test_an_anchor_that_is_none_is_refused(composers: list[SymbolicComposer], text: str) -> None:
    with pytest.raises(AnchorError):
        begin(composers, text)


def test_an_unprimed_composer_says_what_to_do() -> None:
    with pytest.raises(ComposerError, match="prime"):
        SymbolicComposer(tiny.player()[0], None).render(10)


def test_a_foreign_state_is_refused(composers: list[SymbolicComposer]) -> None:
    with pytest.raises(ComposerError, match="state"):
        begin(composers).restore(b"\x10\x00\x00\x00\x00\x00\x00\x00nonsense")
