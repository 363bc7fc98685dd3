"""The host against a worker that is played by the test, in-process: no process, no waiting."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from stream.composing.link import ComposerLink
from stream.composing.messages import (
    Accent,
    Applied,
    AppliedSteer,
    Begin,
    Failed,
    Notes,
    Prime,
    Primed,
    Ready,
    Rendered,
    Snapshot,
)
from stream.stages import REGISTRY
from tests.stream.composing.stand_in_worker import begun, eventually


def test_a_piece_begins_and_commands_pass(stage: Any) -> None:
    host, pool, _ = stage
    worker = pool.nth(1)
    begin = begun(worker)
    assert (begin.anchor, begin.seed, begin.state, begin.position) == ("slow piano", 7, None, 0)
    eventually(lambda: host.status.state == "playing")
    host.accent()
    assert worker.hears() == Accent()
    host.set_anchor("bright strings")
    assert worker.hears() == Prime(1, "bright strings", 7)
    # Two more before the first is acknowledged: the newest wins.
    host.set_anchor("brass")
    host.set_anchor("choir")
    worker.says(Primed(1, ""))
    assert worker.hears() == Prime(3, "choir", 7)
    steer = AppliedSteer(480, 480, 1.0, 0.5, -0.5)
    worker.says(Applied((steer,), ()))
    eventually(lambda: list(host.steer_log) == [steer])
    host.close()
    assert worker.ended.is_set()


def test_notes_reach_whoever_asked(stage: Any) -> None:
    host, pool, _ = stage
    worker = pool.nth(1)
    begun(worker)
    heard: list[Notes] = []
    worker.says(Notes(1, ("nobody listens",)))
    host.on_notes = heard.append
    worker.says(Notes(1, ("beat", "note")))
    eventually(lambda: Notes(1, ("beat", "note")) in heard)


def test_a_lost_composer_is_gone_on_from_where_it_was(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    first.says(Snapshot(48_000, b"there"), Failed("RuntimeError: scripted"))
    second = pool.nth(2)
    begin = begun(second)
    assert (begin.anchor, begin.seed, begin.state, begin.position) == ("slow piano", 7, b"there", 48_000)
    eventually(lambda: host.status.state == "playing" and host.status.restarts == 1)
    # Lost again at once: perhaps it is the state that kills.
    second.says(Failed("RuntimeError: again"))
    assert begun(pool.nth(3)).state is None


def test_a_new_anchor_is_crossed_over_to_from_an_older_snapshot(stage: Any) -> None:
    host, pool, _ = stage
    first = pool.nth(1)
    begun(first)
    first.says(Snapshot(960, b"old style"))
    host.set_anchor("brass")
    assert isinstance(first.hears(), Prime)
    first.exit_code = -9
    second = pool.nth(2)
    assert begun(second).state == b"old style"
    assert second.hears() == Prime(1, "brass", 7)


def test_a_hang_is_a_loss(stage: Any) -> None:
    host, pool, beating = stage
    begun(pool.nth(1))
    eventually(lambda: host.status.state == "playing")
    beating.clear()
    eventually(lambda: host.status.restarts == 1)
    assert "hung" in host.status.error
    assert pool.nth(1).ended.is_set()
    beating.set()
    begun(pool.nth(2))
    eventually(lambda: host.status.state == "playing")


def test_a_machine_that_slept_for_ten_seconds_has_not_lost_its_composer(stage: Any) -> None:
    host, pool, _ = stage
    begun(pool.nth(1))
    eventually(lambda: host.status.state == "playing")
    host._clock = lambda: time.monotonic() + 10.0
    asked = threading.Event()
    host.set_anchor("brass")  # answered by a supervisor that has seen the jump
    assert not asked.wait(0.03)
    assert pool.nth(1).hears() == Prime(1, "brass", 7)
    assert host.status.restarts == 0 and len(pool.workers) == 1


def test_too_many_losses_end_it_until_another_anchor_comes(stage: Any) -> None:
    host, pool, _ = stage
    for number in range(1, 6):
        pool.nth(number).exit_code = 3
    eventually(lambda: host.status.state == "failed")
    assert host.status.restarts == 5 and "3" in host.status.error
    assert len(pool.workers) == 5
    host.set_anchor("brass")
    assert begun(pool.nth(6)).anchor == "brass"
    eventually(lambda: host.status.state == "playing")


def test_steering_is_seen_by_whoever_plays(stage: Any) -> None:
    host, pool, _ = stage
    begin = begun(pool.nth(1))
    guest = ComposerLink.attach(begin.link, begin.capacity)
    host.steer(0.25, -0.75)
    assert guest.affect == (0.25, -0.75)
    guest.close()


def test_what_a_lost_composer_left_is_played_before_the_next_one_begins(stage: Any) -> None:
    """For as long as it sounds: whoever kept more ahead is waited for longer."""
    host, pool, _ = stage
    ring = host._link.ring
    ring.write(np.zeros((4800, 2), np.float32))
    first = pool.nth(1)
    now_s = time.monotonic()
    host._clock = lambda: now_s
    first.says(Ready())
    eventually(lambda: host._ready)
    now_s += 4800 / 48_000 + 0.09
    assert first.silent_for(0.05)
    now_s += 5.0
    assert isinstance(first.hears(), Begin), "nobody plays it: enough"
    first.exit_code = 1
    second = pool.nth(2)
    second.says(Ready())
    assert second.silent_for(0.05)
    ring.read(4800)
    assert isinstance(second.hears(), Begin)


def _composed() -> tuple[float, float, float]:
    """Blocks, how many of them within 5 ms, and seconds: what `/metrics` says of composing."""
    stage = {"stage": "compose"}
    return (
        REGISTRY.get_sample_value("narrascore_stage_seconds_count", stage) or 0.0,
        REGISTRY.get_sample_value("narrascore_stage_seconds_bucket", {**stage, "le": "0.005"}) or 0.0,
        REGISTRY.get_sample_value("narrascore_stage_seconds_sum", stage) or 0.0,
    )


def test_what_blocks_took_to_compose_is_counted(stage: Any) -> None:
    _, pool, _ = stage
    worker = pool.nth(1)
    begun(worker)
    blocks, quick, seconds = _composed()
    worker.says(Rendered((0.003, 0.004, 0.012)))
    eventually(lambda: _composed()[0] == blocks + 3)
    assert _composed()[1] == quick + 2
    assert _composed()[2] == pytest.approx(seconds + 0.019)
