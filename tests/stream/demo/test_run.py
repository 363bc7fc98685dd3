"""What the demo works out of a run: lag, latency and the rows of its table."""

from __future__ import annotations

import asyncio
import errno
import gc
import math
from pathlib import Path

import numpy as np
import pytest

from stream.demo.figures import DemoError, Take, control_latencies_ms, sensor_lag_s
from stream.demo.peers import PeersReport
from stream.demo.run import WRITTEN, _write, affect_rows, seen
from stream.ports import Affect, Reading
from stream.process_cost import Cost
from stream.sensing.reaction import Steer
from stream.sound.egress import PlayedBlock


def glide(tau_s: float, start_s: float = 10.0) -> list[tuple[float, Affect]]:
    times = np.arange(0.0, 20.0, 0.02)
    return [(t, Affect(0.6 * (1 - math.exp(-max(t - start_s, 0.0) / tau_s)), 0.0, 1.0)) for t in times]


def take(**changes: object) -> Take:
    block = np.zeros((960, 2), np.float32)
    played = [PlayedBlock(block, 960 * i, 960 * i, 100.0 + 0.02 * i) for i in range(100)]
    peers = PeersReport(np.zeros((0, 2), np.int16), [], [], 100.0, [])
    fields = {
        "peers": peers,
        "steers": [],
        "readings": [],
        "affect": [],
        "played": played,
        "underruns": 0,
        "anchor": "",
        "seed": 0,
        "cost": Cost(0.0, 0.0),
    }
    return Take(**{**fields, **changes})  # type: ignore[arg-type]


def test_peers_that_nobody_waits_for_end_without_a_word() -> None:
    told: list[object] = []

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context))
        for interrupted in (True, False):
            peers: asyncio.Future[object] = loop.create_future()
            peers.add_done_callback(seen)
            if interrupted:
                peers.set_exception(KeyboardInterrupt())
            else:
                peers.cancel()
            await asyncio.sleep(0)
            del peers
        gc.collect()

    asyncio.run(leave())
    assert not told


def test_its_files_are_written_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of them does not fit any more: nothing half-written is left, and a sentence says why."""

    def fits(path: Path, *_: object, **how: object) -> None:
        path.write_bytes(b"whole")

    def does_not_fit(path: Path, *_: object, **how: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("stream.demo.plot.draw", fits)
    heard = take(peers=PeersReport(np.zeros((4800, 2), np.int16), [(0, 100.0)], [], 100.0, []))
    out = tmp_path / "new" / "demo"
    monkeypatch.setattr("stream.demo.film.write_film", does_not_fit)
    with pytest.raises(DemoError) as told:
        _write(heard, [], out, 0.1)
    assert str(told.value) == (
        f"{out} cannot be written (No space left on device): free some space or give another place."
    )
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("stream.demo.film.write_film", fits)
    _write(heard, [], out, 0.1)
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(written) == set(WRITTEN)
    monkeypatch.setattr("stream.demo.film.write_film", does_not_fit)
    with pytest.raises(DemoError):
        _write(take(peers=heard.peers._replace(pcm=np.ones((2400, 2), np.int16))), [], out, 0.1)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == written, "those of before are left"


@pytest.mark.parametrize("tau_s", [0.3, 0.8])
def test_sensor_lag_is_the_time_constant_of_an_exponential(tau_s: float) -> None:
    assert sensor_lag_s(glide(tau_s), 10.0) == pytest.approx(tau_s, abs=0.06)


def test_a_cut_that_moves_nothing_has_no_lag() -> None:
    assert sensor_lag_s(glide(0.5), 3.0) is None


def test_control_latency_counts_from_the_steer_to_its_block_leaving() -> None:
    given = [Steer(960 * 50 + 10, 100.9, 0.0, 0.0), Steer(10**9, 100.9, 0.0, 0.0)]
    assert control_latencies_ms(take(steers=given)) == pytest.approx([100.0])


def test_rows_hold_the_last_estimate_and_mark_each_cut_once() -> None:
    readings = [Reading(100.0 + 0.125 * i, 0.0, 0.0, 1.0, i == 5) for i in range(16)]
    affect = [(100.05, Affect(0.2, -0.1, 0.9)), (101.0, Affect(0.4, 0.1, 0.8))]
    rows = affect_rows(take(readings=readings, affect=affect), began_s=100.0, length_s=2.0)
    assert [row[0] for row in rows] == pytest.approx([i / 10 for i in range(21)])
    assert rows[0][1:4] == (0.0, 0.0, 0.0)
    assert rows[5][1:4] == (0.2, -0.1, 0.9)
    assert rows[10][1:4] == (0.4, 0.1, 0.8)
    assert sum(row[4] for row in rows) == 1 and rows[7][4] == 1
