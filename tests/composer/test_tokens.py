"""The token language: what goes in comes out, and transposition moves keys and notes together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from composer import labels, tokens
from composer.score import LEAD
from tests.composer import tiny


def test_every_token_is_of_exactly_one_kind() -> None:
    kinds = (tokens.is_bar, tokens.is_key, tokens.is_position, tokens.is_note, tokens.is_length)
    for token in range(1, tokens.VOCABULARY):
        assert sum(kind(token) for kind in kinds) == 1


@given(st.integers(0, 3), st.integers(0, 127), st.integers(-30, 200))
def test_notes_and_lengths_survive_the_round_trip(role: int, pitch: int, steps: int) -> None:
    back_role, back_pitch = tokens.note_of(tokens.note_token(role, pitch))
    assert back_role == role
    assert (back_pitch - pitch) % 12 == 0
    if tokens.LOWEST_PITCH <= pitch <= tokens.HIGHEST_PITCH:
        assert back_pitch == pitch
    assert tokens.length_of(tokens.length_token(steps)) in tokens.LENGTHS


def test_a_score_can_be_read_back_from_its_tokens() -> None:
    score = tiny.score("a", seed=1)
    keys = labels.bar_keys(score.notes, score.bars)
    encoded = tokens.encode(score.notes, score.bars, keys, compound=False)
    bar, position, note, found = -48, 0, (0, 0), []
    for token in encoded.tokens.tolist():
        if tokens.is_bar(token):
            bar, position = bar + 48, 0
        elif tokens.is_position(token):
            position = token - tokens.POS0
        elif tokens.is_note(token):
            note = tokens.note_of(token)
        elif tokens.is_length(token):
            found.append((bar + position, tokens.length_of(token), note[1], note[0]))
    assert sorted(found) == sorted(map(tuple, score.notes.tolist()))


def test_transposition_moves_keys_and_notes_by_the_same_interval() -> None:
    table = tokens.transpositions()
    note, key = tokens.note_token(LEAD, 60), tokens.key_token(0, minor=True)
    for row in range(12):
        assert tokens.note_of(int(table[row, note]))[1] == 60 + row - 5
        assert tokens.key_of(int(table[row, key])) == ((row - 5) % 12, True)
    assert np.array_equal(table[5], np.arange(tokens.VOCABULARY))
