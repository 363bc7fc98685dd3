"""The generator: music that parses for ever, repeats under a seed and goes on exactly after a restore."""

from __future__ import annotations

import pytest

from composer.errors import ComposerError
from composer.generator import Generator, Manner
from composer.grammar import MAX_BEAT_TOKENS, RANGES
from composer.score import Beat
from tests.composer import tiny

MANNER = Manner(style=(0, 1, 1, 0), meter=5)


def write(generator: Generator, tokens: int, valence: float = 0.0, arousal: float = 0.0) -> list[Beat]:
    return [beat for _ in range(tokens) for beat in generator.advance(valence, arousal)]


def test_beats_follow_one_another_without_a_hole() -> None:
    beats = write(Generator(*tiny.player(), MANNER, seed=4), 1500)
    assert len(beats) > 40
    for place, beat in enumerate(beats):
        assert (beat.bar, beat.position) == (place // 4, place % 4 * 12)
        assert beat.bar_steps == 48 and beat.steps == 12
        for note in beat.notes:
            low, high = RANGES[note.role]
            assert low <= note.pitch <= high
            assert 0 <= note.step < 12 and note.length >= 1


def test_a_beat_never_needs_more_tokens_than_promised() -> None:
    generator = Generator(*tiny.player(), MANNER, seed=9)
    since = 0
    for _ in range(1500):
        since += 1
        if generator.advance(1.0, 1.0):
            assert since <= MAX_BEAT_TOKENS + 3  # and the bar, its key and the first position
            since = 0


def test_silence_is_bounded_and_shorter_when_aroused() -> None:
    def longest(arousal: float) -> int:
        beats = write(Generator(*tiny.player(), MANNER, seed=5), 1200, arousal=arousal)
        run = best = 0
        for beat in beats:
            run = 0 if beat.notes else run + 1
            best = max(best, run)
        return best

    assert longest(1.0) <= 2
    assert longest(-1.0) <= 10


def test_same_seed_same_notes_and_another_seed_other_notes() -> None:
    one, two, three = (write(Generator(*tiny.player(), MANNER, seed=s), 300) for s in (1, 1, 2))
    assert one == two
    assert one != three


def test_an_untrained_adapter_writes_exactly_what_none_writes() -> None:
    without = write(Generator(tiny.player()[0], None, MANNER, seed=1), 300)
    untrained = write(Generator(*tiny.player(trained=False), MANNER, seed=1), 300)
    assert without == untrained


def test_affect_turns_the_mode() -> None:
    def minor_share(valence: float) -> float:
        beats = write(Generator(*tiny.player(), MANNER, seed=3), 2500, valence=valence)
        return sum(beat.minor for beat in beats) / len(beats)

    assert minor_share(-0.9) > minor_share(0.9) + 0.3


def test_a_restored_generator_goes_on_with_the_same_notes() -> None:
    first = Generator(*tiny.player(), MANNER, seed=6)
    write(first, 333, 0.4, 0.2)
    kept = first.state()
    second = Generator(*tiny.player(), Manner(style=(1, 0, 0, 0), meter=3), seed=99)
    second.restore(kept)
    assert write(first, 400, -0.3, 0.5) == write(second, 400, -0.3, 0.5)


@pytest.mark.parametrize("state", [b"", b"\x00" * 8, b"nonsense that is longer than a header"])
def test_a_state_that_is_none_is_refused(state: bytes) -> None:
    with pytest.raises(ComposerError, match="not a generator's state"):
        Generator(tiny.player()[0], None, MANNER, seed=0).restore(state)
