"""The relay: racks that take over from each other, so that sound can be taken up exactly in another process.

A rack's nodes keep state nobody can read: delay lines, filters, the phase of a sway. So no rack plays for
long. When one has led for `LEG_TICKS`, a fresh one is plugged in beside it; at the next bar the fresh one
gets the new notes, while the old one's notes ring out, and is let go. What racks sound like at any time is
therefore a function of what was struck since the oldest one now plugged in was new: some seconds, which can
be kept (`Leg`, and the strikes since) and played again. What rings for longer, echo and reverb, is not theirs
(`composer.room`).

The same handing over is how one style goes over into another: old notes ring in the old mix, new notes begin
in the new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from composer.bank import Bank
from composer.played import Taps
from composer.presets import Mix
from composer.rack import Desk, Rack, Settings
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES, Strike

_TICKS_PER_S = SAMPLE_RATE_HZ // TICK_SAMPLES
LEG_TICKS = 12 * _TICKS_PER_S
"""How long a rack leads, at least; it goes on to the end of its bar."""
SETTLE_TICKS = 5
"""A rack runs this long before it is struck: by then its gliding values have arrived."""
_BUILD_TICKS = _TICKS_PER_S // 2
"""The next rack is made in the last of them, a voice a tick: it holds 25 MiB."""
_TAIL_TICKS = _TICKS_PER_S // 2
"""Diffusers and filters after the last voice: 60 dB down in 0.2 s. What rings for longer is the room's."""
_LONGEST_TICKS = 14 * _TICKS_PER_S
"""An old rack is let go this long after handing over, whatever still sounds in it."""
_FADE_TICKS = _TICKS_PER_S
"""The end of that is faded, so that what still sounds does not stop at once."""

_NEVER = 1 << 62


class Leg(NamedTuple):
    """One rack's part in the relay, in samples of the piece. Plain values: kept with a piece's state."""

    born: int
    leads_from: int
    """-1 while it waits."""
    mix: Mix


@dataclass
class _Runner:
    rack: Rack
    mix: Mix
    born: int
    leads_from: int = -1
    silent_from: int = -1
    """When an old rack's last voice fell silent; -1 before."""

    def leg(self) -> Leg:
        return Leg(self.born, self.leads_from, self.mix)


class Relay:
    """Owns the desk and the racks. Every call from one thread; `advance`, then `render`, block by block."""

    def __init__(self, bank: Bank, seed: int, first: Leg, taps: Taps | None = None) -> None:
        self._bank = bank
        self._seed = seed
        self._taps = taps or Taps()
        self._desk = Desk(self._taps.stems)
        self._spare = Rack(bank, seed, self._taps)
        self._runners: list[_Runner] = []
        """Plugged in, oldest first; the last may still wait for its turn."""
        self._plug(first.mix, first.born)
        if first.leads_from == first.born:
            self._runners[0].leads_from = first.born

    @property
    def pairs(self) -> int:
        """Of channels, see `Desk.render`."""
        return self._desk.pairs

    @property
    def oldest(self) -> int:
        """Since when what was struck still matters to what is heard."""
        return self._runners[0].born

    def legs(self) -> list[Leg]:
        return [runner.leg() for runner in self._runners]

    @property
    def mix(self) -> Mix:
        """The leading rack's."""
        return self._runners[self._leading].mix

    @property
    def sounding(self) -> int:
        return sum(runner.rack.sounding for runner in self._runners)

    def patches(self) -> set[str]:
        """Patches that sound in any rack."""
        pools = (pool for runner in self._runners for pool in runner.rack.pools.values())
        return {name for pool in pools for name in pool.patches()}

    def tick(self, now: int) -> None:
        """Once a tick, before anything else: prepare the next rack, let go of what has rung out."""
        leader = self._runners[self._leading]
        led = (now - leader.leads_from) // TICK_SAMPLES
        if self._runners[-1] is leader and led >= LEG_TICKS - _BUILD_TICKS:
            self._spare.prepare(leader.mix)
            if led >= LEG_TICKS:
                self._plug(leader.mix, now)
        self._let_go(now)

    def retrace(self, legs: Sequence[Leg], now: int) -> None:
        """Instead of `tick`, for a relay made with the first of `legs`: hand over when they did."""
        for leg in legs[1:]:
            if leg.born == now:
                self._plug(leg.mix, now)
        for runner, leg in zip(self._runners, legs, strict=False):
            if leg.leads_from == now:
                runner.leads_from = now
        self._let_go(now)

    def _let_go(self, now: int) -> None:
        for runner in self._runners[: max(self._leading, 0)]:
            if runner.silent_from < 0 and not runner.rack.sounding:
                runner.silent_from = now
            ends = self._latest(runner)
            if runner.silent_from >= 0:
                ends = min(ends, runner.silent_from + _TAIL_TICKS * TICK_SAMPLES)
            if now >= ends:
                for pool in runner.rack.pools.values():
                    pool.end(now)
                self._desk.unplug(runner.rack)
                self._runners.remove(runner)

    def prepare(self, mix: Mix, now: int) -> None:
        """Plug in a rack for `mix`, to be handed over to soon. Replaces one that waits."""
        if self._waiting is not None:
            self._desk.unplug(self._runners.pop().rack)
        self._plug(mix, now)

    def hand_over(self, now: int) -> None:
        """At a bar line: the waiting rack takes the strikes from here on, if it has settled."""
        waiting, mix = self._waiting, self._runners[self._leading].mix
        if waiting is None:
            return
        if waiting.mix != mix:
            self.prepare(mix, now)  # it was made for a change that was taken back
        elif now - waiting.born >= SETTLE_TICKS * TICK_SAMPLES:
            waiting.leads_from = now

    def change(self, mix: Mix, now: int) -> None:
        """Hand over to a rack with `mix`, settled or not."""
        if self._waiting is None or self._waiting.mix != mix:
            self.prepare(mix, now)
        self._runners[-1].leads_from = now

    def move(self, settings: Mapping[Mix, Settings], now: int) -> None:
        """Move every rack to the settings of its mix."""
        for runner in self._runners:
            wanted = settings[runner.mix]
            left = (self._latest(runner) - now) // TICK_SAMPLES
            if left < _FADE_TICKS:
                wanted = replace(wanted, gain=wanted.gain * max(left, 0) / _FADE_TICKS)
            runner.rack.set(wanted)

    def mixes(self) -> set[Mix]:
        return {runner.mix for runner in self._runners}

    def advance(self, now: int) -> None:
        """Release and free the voices that are due."""
        for runner in self._runners:
            for pool in runner.rack.pools.values():
                pool.advance(now)

    def strike(self, strike: Strike, now: int) -> None:
        """Start a note on the leading rack; the same key held on an older one is let go."""
        if self._leading < 0:
            return  # It was a rack long gone that played it.
        section = strike.instrument.partition("@")[2]
        for runner in self._runners[: self._leading]:
            runner.rack.pools[section].damp((strike.instrument, strike.pitch), now)
        self._runners[self._leading].rack.pools[section].strike(strike, now)

    def render(self, samples: int) -> npt.NDArray[np.float32]:
        """See `Desk.render`."""
        return self._desk.render(samples)

    def close(self) -> None:
        """Free the graph. May be called twice."""
        # A destroyed graph keeps what is plugged into it.
        for runner in self._runners:
            self._desk.unplug(runner.rack)
        self._runners.clear()
        self._desk.close()

    @property
    def _leading(self) -> int:
        """Index of the rack that gets the strikes; -1 while a retraced relay has not come to it."""
        leading = -1
        for index, runner in enumerate(self._runners):
            if runner.leads_from >= 0:
                leading = index
        return leading

    @property
    def _waiting(self) -> _Runner | None:
        return self._runners[-1] if self._runners[-1].leads_from < 0 else None

    def _latest(self, runner: _Runner) -> int:
        """The sample at which an old rack is let go at the latest; far away while it leads or waits."""
        after = next((one for one in self._runners if one.leads_from > runner.leads_from >= 0), None)
        return _NEVER if after is None else after.leads_from + _LONGEST_TICKS * TICK_SAMPLES

    def _plug(self, mix: Mix, now: int) -> None:
        rack, self._spare = self._spare, Rack(self._bank, self._seed, self._taps)
        rack.wire(mix)
        self._desk.plug(rack)
        self._runners.append(_Runner(rack, mix, now))
