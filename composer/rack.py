"""The rack: the SignalFlow graph. Pools of voices, four section strips, effects, one output.

    lead ─────── low-pass ─┬───────────────────────┬─ shelf ─ width ─ high-pass ─ gain ── dry
    harmony ──── low-pass ─┤                       │
    bass ─────── low-pass ─┼─ chorus (harmony) ────┘
    drums ────── low-pass ─┤
                           ├─ shelf ─ high-pass ─ diffusers ─ low-pass ─ gain ── to the reverb
                           └─ low-pass (lead) ─ gain ─────────────────────────── to the echo

Reverb and echo are one room for all racks, outside of the graph (`composer.room`). A rack's nodes are built
once, chorus and echo only where the mix has them; what moves is values (`Settings`), and voices are plugged
into their mixer while they sound. A rack lasts some seconds: another takes over before anyone needs to know
what a node remembers (see `composer.relay`). SignalFlow allows one graph in a process at a time:
`Desk.close()` frees it for the next.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import signalflow as sf

from composer.bank import Bank
from composer.played import Taps
from composer.presets import SECTIONS, Mix
from composer.room import ROUTES
from composer.score import SAMPLE_RATE_HZ, TICK_SAMPLES
from composer.voices import Pool, make_voice

VOICES = {"lead": 8, "harmony": 14, "bass": 5, "drums": 10}
"""Voices of each section: the fixed pool."""
GRID_SAMPLES = 96
"""Notes start on this grid: 2 ms."""

_GLIDE_S = 0.006
_SHORT_S = 0.014
"""What delay lines are made for: just over what is asked of them, since SignalFlow holds each 64 times."""
_DIFFUSERS_S = ((0.0127, 0.0139), (0.0089, 0.0071))
_SPREADER_S = (0.0053, 0.0067)
_AIR_HZ = 1100.0
_ECHO_HZ = 2200.0


@dataclass(frozen=True)
class Settings:
    """Everything about the mix that moves in a rack, in plain units."""

    gain: float
    lead_hz: float
    harmony_hz: float
    bass_hz: float
    drums_hz: float
    reverb: float
    echo: float
    chorus: float
    air: float
    """How much more there is above `_AIR_HZ`, as a factor minus one."""
    width: float
    vibrato: float
    """Depth as a fraction of the pitch."""
    vibrato_hz: float


_GLIDING = ("gain", "reverb", "echo", "chorus", "air")


class Desk:
    """Owns the process's audio graph: racks are plugged into its one output. Every call from one thread."""

    def __init__(self, stems: bool = False) -> None:
        """With `stems`, as its racks have them."""
        self.pairs = 1 + len(SECTIONS) if stems else 1
        """Of channels: the music, and each section's."""
        channels = self.pairs * ROUTES * 2
        # It looks for a file of settings in HOME, and fails where services are begun without one.
        os.environ.setdefault("HOME", os.path.expanduser("~"))
        config = sf.AudioGraphConfig()
        # Unless told, a node keeps 2048 samples a channel: 5 MiB more a rack, which fall into the same few
        # lines of the cache; and a tick is rendered in two parts.
        config.output_buffer_size = TICK_SAMPLES
        device = sf.AudioOut_Dummy(channels, buffer_size=TICK_SAMPLES)
        self._graph = sf.AudioGraph(config, output_device=device, start=False)
        self._graph.sample_rate = SAMPLE_RATE_HZ
        grid = range(GRID_SAMPLES, TICK_SAMPLES + 1, GRID_SAMPLES)
        self._blocks = {n: sf.Buffer(channels, n) for n in grid}
        self._rendered = {
            n: np.asarray(block.data, dtype=np.float32).reshape(self.pairs, ROUTES, 2, n)
            for n, block in self._blocks.items()
        }
        """The same memory."""
        # The silence keeps the output's channels while no rack is plugged in.
        self._output = sf.Sum([sf.ChannelArray([sf.Constant(0.0)] * channels)])
        self._graph.play(self._output)
        self._open = True

    def plug(self, rack: Rack) -> None:
        """From the next block on `rack` is heard; until then it costs nothing and its clocks stand still."""
        self._output.add_input(rack.output)

    def unplug(self, rack: Rack) -> None:
        self._output.remove_input(rack.output)

    def render(self, samples: int) -> npt.NDArray[np.float32]:
        """The next `samples` (a multiple of GRID_SAMPLES, at most a tick), valid until the next call.

        Shape (pairs, ROUTES, 2, samples): the music, then each section in the order of SECTIONS; what of it
        goes where, as `composer.room` takes it; left and right.
        """
        self._graph.render_to_buffer(self._blocks[samples])
        return self._rendered[samples]

    def close(self) -> None:
        """Free the process's graph. May be called twice."""
        if self._open:
            self._open = False
            self._graph.destroy()


class Rack:
    """Voices, strips and effects, with the memory of everything they have played."""

    def __init__(self, bank: Bank, seed: int, taps: Taps | None = None) -> None:
        """Makes nothing yet: see `prepare` and `wire`. There must be a Desk."""
        self._taps = taps or Taps()
        self.pools: dict[str, Pool] = {}
        self._values: dict[str, sf.Constant] = {f.name: sf.Constant(0.0) for f in fields(Settings)}
        self._values["vibrato_hz"].set_value(5.0)
        self._last: dict[str, float] = {}
        self._constants: dict[float, sf.Constant] = {}
        self._strips: dict[str, sf.Node] = {}
        self._output: sf.Node | None = None
        self._wired_for: Mix | None = None
        self._steps: Iterator[None] | None = self._assemble(bank, seed)

    @property
    def output(self) -> sf.Node:
        """What the desk hears, once it is wired."""
        assert self._output is not None
        return self._output

    def prepare(self, mix: Mix) -> None:
        """Make a little more, so that no tick pays for all: a voice (half a millisecond), after the last one
        the effects for `mix`."""
        if self._steps is None:
            self.wire(mix)
        elif next(self._steps, self) is self:
            self._steps = None  # finished: a kept generator would keep this rack in a cycle

    def wire(self, mix: Mix) -> None:
        """Make what is still missing: voices, and the effects that `mix` has."""
        while self._steps is not None:
            self.prepare(mix)
        if self._wired_for != mix:
            self._wired_for, self._output = mix, self._mix(mix)

    def _assemble(self, bank: Bank, seed: int) -> Iterator[None]:
        silence = sf.Buffer(2, 16)
        value, flat = self._values, self._c(0.0)
        vibrato = sf.SineLFO(value["vibrato_hz"], self._c(-1.0), self._c(1.0)) * value["vibrato"]
        for name in SECTIONS:
            bend = vibrato if name == "lead" else None
            voices = []
            for _ in range(VOICES[name]):
                voices.append(make_voice(bend, silence, flat if name != "drums" else None))
                yield
            # The silence keeps the mixer stereo while no voice is plugged in.
            mixer = sf.Sum([self._sides(0.0, 0.0)])
            self.pools[name] = Pool(voices, mixer, bank, seed, self._taps.played)
            self._strips[name] = self._filter(mixer, "low_pass", value[f"{name}_hz"])

    def _c(self, value: float) -> sf.Constant:
        """A node that is `value`, the same one each time: every node is visited at every block."""
        return self._constants.setdefault(value, sf.Constant(value))

    def _sides(self, left: float, right: float) -> sf.Node:
        """A value for each side."""
        return sf.ChannelArray([self._c(left), self._c(right)])

    def _filter(self, source: sf.Node, kind: str, cutoff_hz: sf.Node) -> sf.Node:
        return sf.SVFilter(source, kind, cutoff_hz, self._c(0.0))

    def _opened(self, source: sf.Node, air: sf.Node) -> sf.Node:
        """A shelf by addition: what is above the corner, once more. It opens with arousal."""
        return source + self._filter(source, "high_pass", self._c(_AIR_HZ)) * air

    @property
    def sounding(self) -> int:
        """Voices in use, of every section."""
        return sum(pool.sounding for pool in self.pools.values())

    def _mix(self, mix: Mix) -> sf.Node:
        coefficient = self._c(math.exp(-1.0 / (_GLIDE_S * SAMPLE_RATE_HZ)))
        glide = {name: sf.Smooth(self._values[name], coefficient) for name in _GLIDING}
        pairs = [self._routes(self._strips, glide, mix)]
        if self._taps.stems:
            # All of it is linear: a section sent alone through the same effects is its share.
            pairs += [
                self._routes(
                    {n: s if n == name else self._sides(0.0, 0.0) for n, s in self._strips.items()},
                    glide,
                    mix,
                )
                for name in SECTIONS
            ]
        return sf.ChannelArray([route for routes in pairs for route in routes])

    def _routes(
        self, strips: Mapping[str, sf.Node], glide: Mapping[str, sf.Node], mix: Mix
    ) -> tuple[sf.Node, sf.Node, sf.Node]:
        """What is heard as it is, what goes to the reverb, what goes to the echo."""
        value = self._values
        lead, harmony, bass, drums = (strips[name] for name in SECTIONS)
        whole = lead + harmony + bass + drums
        if mix.chorus > 0.0:
            sway = sf.ChannelArray(
                [
                    sf.SineLFO(self._c(0.31), self._c(0.007), self._c(0.0115)),
                    sf.SineLFO(self._c(0.23), self._c(0.0085), self._c(0.013)),
                ]
            )
            whole = whole + sf.OneTapDelay(harmony, sway, _SHORT_S) * glide["chorus"]
        wide = sf.StereoWidth(self._opened(whole, glide["air"]), value["width"])
        dry = self._filter(wide, "high_pass", self._c(32.0)) * glide["gain"]

        send = lead + harmony * self._c(0.9) + bass * self._c(0.12) + drums * self._c(0.35)
        wet = self._filter(self._opened(send, glide["air"]) * glide["reverb"], "high_pass", self._c(140.0))
        for left, right in _DIFFUSERS_S:
            wet = sf.AllpassDelay(wet, self._sides(left, right), self._c(0.6), _SHORT_S)
        wet = sf.AllpassDelay(wet, self._sides(*_SPREADER_S), self._c(0.5), _SHORT_S)
        to_reverb = self._filter(wet, "low_pass", self._c(5200.0)) * glide["gain"]

        to_echo: sf.Node = self._sides(0.0, 0.0)
        if mix.echo > 0.0:
            to_echo = self._filter(lead * glide["echo"], "low_pass", self._c(_ECHO_HZ)) * glide["gain"]
        return dry, to_reverb, to_echo

    def set(self, settings: Settings) -> None:
        """Move the mix there; gains glide inside the graph, the rest within the next block."""
        for name, constant in self._values.items():
            wanted = float(getattr(settings, name))
            if self._last.get(name) != wanted:
                self._last[name] = wanted
                constant.set_value(wanted)
