"""A copied passage is found, transposed or not; a new one is not; figures do not count."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench import originality
from bench.originality import EXCERPT, excerpts, joined, lines, longest_of_each, longest_shared, melodic

Notes = npt.NDArray[np.int32]


def melody(seed: int, count: int, transpose: int = 0) -> Notes:
    random = np.random.default_rng(seed)
    onset = np.cumsum(random.integers(1, 5, count) * 3)
    pitch = 60 + transpose + random.integers(-8, 9, count)
    return np.stack([onset, np.full(count, 3), pitch, np.zeros(count)], axis=1).astype(np.int32)


def test_a_transposed_copy_is_found_where_it_is_and_as_long_as_it_is() -> None:
    known = joined(lines(melody(1, 400)) + lines(melody(2, 400)))
    query = lines(melody(3, 60))[0]
    copied = lines(melody(2, 400, transpose=5))[0][100:140]
    query = np.concatenate([query[:20], copied, query[20:]])
    best = max(longest_shared(query, known), key=lambda p: p.length)
    assert best.start <= 20 and best.start + best.length >= 60 and best.length <= 44
    assert best.found == 399 + 1 + 100 - (20 - best.start)
    assert melodic(query, best)


def test_what_is_found_stands_there() -> None:
    known, query = joined(lines(melody(1, 3000))), lines(melody(9, 300))[0]
    for passage in longest_shared(query, known):
        here = query[passage.start : passage.start + passage.length]
        assert np.array_equal(here, known[passage.found : passage.found + passage.length])


def test_a_new_melody_shares_little() -> None:
    known = joined(lines(melody(1, 5000)))
    assert max(p.length for p in longest_shared(lines(melody(7, 300))[0], known)) < 8


def test_no_passage_runs_over_the_end_of_a_line() -> None:
    row = np.arange(10)
    known = joined([row, row + 10])
    assert max(p.length for p in longest_shared(np.arange(20), known)) == 10


def test_a_repeated_note_is_no_melody_and_does_not_count() -> None:
    pulse = np.stack([np.arange(300) * 6, np.full(300, 6), np.full(300, 60), np.zeros(300)], axis=1)
    known = joined(lines(pulse.astype(np.int32)))
    best = longest_of_each(excerpts(lines(pulse.astype(np.int32))), known)
    assert [p.length for p in best] == [0] * len(best) and best


def test_each_excerpt_has_its_own_longest() -> None:
    source = lines(melody(1, 2000))[0]
    fresh = lines(melody(5, 2000))[0]
    half = EXCERPT // 2
    cut = [
        fresh[:EXCERPT],
        np.concatenate([fresh[100 : 100 + half], source[300 : 300 + half]]),
        source[500 : 500 + EXCERPT],
    ]
    lengths = [p.length for p in longest_of_each(cut, joined([source]))]
    assert lengths[0] < 8 and half <= lengths[1] < half + 8 and lengths[2] == EXCERPT


def test_the_top_line_of_each_role_is_read() -> None:
    chord = np.array(
        [(0, 6, 60, 0), (0, 6, 72, 0), (6, 6, 74, 0), (6, 6, 40, 3), (9, 6, 43, 3)], dtype=np.int32
    )
    upper, bass = lines(chord)
    step = originality._LONGEST_WAIT + 1
    assert upper.tolist() == [(2 + 30) * step + 6] and bass.tolist() == [(3 + 30) * step + 3]
