from __future__ import annotations

from stream.sensing.cuts import MAX_KEPT, SAME_S, Cuts


def test_two_witnesses_of_one_cut_count_it_once() -> None:
    cuts = Cuts()
    assert cuts.told(10.0)
    assert not cuts.seen(10.0 + SAME_S / 2)  # the picture shows it later
    assert not cuts.told(10.1)  # the transition, told after the scene
    assert cuts.count == 1
    assert cuts.seen(20.0)
    assert not cuts.told(20.0 + SAME_S / 2)  # the picture was faster
    assert cuts.count == 2


def test_what_the_picture_sees_alone_is_counted_however_fast_it_comes() -> None:
    cuts = Cuts()
    assert all(cuts.seen(10.0 + n / 10) for n in range(5)) and cuts.count == 5


def test_late_witnesses_are_others() -> None:
    cuts = Cuts()
    assert cuts.told(10.0) and cuts.seen(10.0 + 1.5 * SAME_S) and cuts.count == 2


def test_old_cuts_are_forgotten_but_still_numbered() -> None:
    cuts = Cuts()
    for n in range(MAX_KEPT + 5):
        cuts.seen(float(n))
    assert len(cuts.recent) == MAX_KEPT and cuts.recent[-1] == (MAX_KEPT + 5, MAX_KEPT + 4.0)
