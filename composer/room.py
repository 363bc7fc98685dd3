"""The room: echo and reverb of everything that plays, in numpy, with a state that can be kept.

    room = Room(pairs=1)
    heard = room.process(sent, decay=0.87, width=1.0)    # (pairs, 3, 2, 480) in, (pairs, 2, 480) out
    kept = room.state()                                  # plain JSON values

One room for all racks: what rings is not a rack's, so a rack that was relieved can be let go once its notes
have ended. A pair is left and right of the music, or of a stem; each comes dry, as sent to the reverb
(diffused already, see `composer.rack`), and as sent to the echo. No delay in here is shorter than a tick, so
a tick is a few operations on whole arrays.

The reverb is a delay network as Jot & Chaigne (1991) draw it: eight lines a side, mixed by a Hadamard matrix,
each pass losing treble.
"""

from __future__ import annotations

import base64
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from composer.score import TICK_SAMPLES

Sound = npt.NDArray[np.float32]

DRY, TO_REVERB, TO_ECHO = 0, 1, 2
"""What of a pair comes in, by the second index."""
ROUTES = 3

_DELAYS = (3529, 3698, 3893, 4124, 4391, 4658, 4942, 5280)
"""Of the reverb's lines, in samples: 74 to 110 ms, no two in a simple ratio."""
_FED = 4
"""Lines that what is sent goes into."""
_SENT = 0.25
_SPAN = 12 * TICK_SAMPLES
"""What a line holds: a little more than the longest delay."""
_WINDOW = TICK_SAMPLES + 2
"""What of a line a tick hears: the loss of treble looks at a sample before and one after."""
_WET = 3.0
"""Brings the network's output to about the level of its input."""
_ECHO_TICKS = (36, 48)
"""0.36 and 0.48 s, left and right."""
_ECHO_FEEDBACK = 0.38
_ECHO_TO_REVERB = 0.5
_ECHO_RINGS_TICKS = 2400
"""Until nothing is left of an echo: 24 s are 480 dB."""
_GLIDE = 0.05
"""Of the way that decay and width go each tick: 0.2 s, when a style changes."""
_NEAR_DECAY, _NEAR_WIDTH = 0.001, 0.005
"""No difference is heard of so little: both stay as they are, and arrive when they are as near."""
_FALL = np.linspace(1.0, 0.0, TICK_SAMPLES, dtype=np.float32)
_LOOK_TICKS = 48
_NOTHING = 1e-9
"""Lines that hold no more are emptied: far smaller numbers are slow to reckon with."""


def _hadamard(size: int) -> Sound:
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.sqrt(size), np.float32)


_MIX = _hadamard(len(_DELAYS)) * np.float32(0.25)
"""The quarter belongs to the loss of treble: (1, 2, 1) / 4 along time."""


class RoomState(TypedDict):
    """All that rings. Exact; JSON-able."""

    ticks: int
    echoes_for: int
    decay: float
    width: float
    lines: str
    echo: list[str]


class Room:
    """Owns what rings; one instance for one stream."""

    def __init__(self, pairs: int = 1) -> None:
        """`pairs`: the music alone, or with its stems."""
        lines = len(_DELAYS)
        # The beginning once more behind the end: what a tick hears is then always in one piece.
        self._lines = np.zeros((2 * pairs, lines, _SPAN + _WINDOW), np.float32)
        self._echo = [np.zeros((pairs, ticks, TICK_SAMPLES), np.float32) for ticks in _ECHO_TICKS]
        self._ticks = 0
        self._echoes_for = 0
        """Ticks until the echo has rung out."""
        self._decay = self._width = -1.0
        """Negative before the first tick: the first values are there at once."""
        self._feedback = _MIX
        self._out = np.zeros((2, 2 * lines), np.float32)
        # Made once: what a tick reckons in.
        self._near = np.zeros((2 * pairs, lines, _WINDOW), np.float32)
        self._damped = np.zeros((2 * pairs, lines, TICK_SAMPLES), np.float32)
        self._fresh = np.zeros_like(self._damped)
        self._heard = np.zeros((pairs, 2, TICK_SAMPLES), np.float32)
        self._sent = np.zeros_like(self._heard)

    def process(self, sent: Sound, decay: float, width: float, echo: bool = True) -> Sound:
        """One tick: (pairs, ROUTES, 2, TICK_SAMPLES) in, what is heard (pairs, 2, TICK_SAMPLES) out, valid
        until the next call.

        `decay` is the reverb's feedback, 0 to 0.95; `width` scales its sides; both glide. `echo` says whether
        anything may be sent to the echo.
        """
        before = self._feedback, self._out
        moves = self._glide(decay, width)
        np.multiply(sent[:, TO_REVERB], _SENT, out=self._sent)
        echoes = self._echoed(sent[:, TO_ECHO], echo)
        at = self._ticks % (_SPAN // TICK_SAMPLES) * TICK_SAMPLES
        near, damped, fresh, lines = self._near, self._damped, self._fresh, self._lines
        for index, delay in enumerate(_DELAYS):
            begin = (at - delay - 1) % _SPAN
            near[:, index] = lines[:, index, begin : begin + _WINDOW]
        np.add(near[..., :-2], near[..., 2:], out=damped)
        damped += near[..., 1:-1]
        damped += near[..., 1:-1]
        both = damped.reshape(len(sent), -1, TICK_SAMPLES)
        heard = np.matmul(self._out, both, out=self._heard)
        np.matmul(self._feedback, damped, out=fresh)
        if moves:
            fresh += np.matmul(before[0] - self._feedback, damped) * _FALL
            heard += np.matmul(before[1] - self._out, both) * _FALL
        fresh[:, :_FED] += self._sent.reshape(-1, 1, TICK_SAMPLES)
        lines[:, :, at : at + TICK_SAMPLES] = fresh
        if at < _WINDOW:
            lines[:, :, _SPAN + at :] = lines[:, :, at:_WINDOW]
        heard += sent[:, DRY]
        if echoes:
            for side, line in enumerate(self._echo):
                heard[:, side] += line[:, self._ticks % line.shape[1]]
            self._sing_on(sent[:, TO_ECHO])
        self._ticks += 1
        if self._ticks % _LOOK_TICKS == 0:
            self._empty()
        return heard

    def _echoed(self, sent: Sound, echo: bool) -> bool:
        """Whether there is an echo; some of it goes to the reverb."""
        if not echo and self._echoes_for <= 1:
            if self._echoes_for:
                self._echoes_for = 0
                self._silence_echo()
            return False
        self._echoes_for = _ECHO_RINGS_TICKS if echo else self._echoes_for - 1
        for side, line in enumerate(self._echo):
            self._sent[:, side] += (_SENT * _ECHO_TO_REVERB) * line[:, self._ticks % line.shape[1]]
        return True

    def _sing_on(self, sent: Sound) -> None:
        """What is heard of the echo now comes again, softer, with what is sent now."""
        for side, line in enumerate(self._echo):
            heard = line[:, self._ticks % line.shape[1]]
            heard *= _ECHO_FEEDBACK
            heard += sent[:, side]

    def _silence_echo(self) -> None:
        for line in self._echo:
            line.fill(0.0)

    def _glide(self, decay: float, width: float) -> bool:
        """Whether the matrices are others than in the last tick."""
        begins = self._decay < 0.0
        if abs(decay - self._decay) < _NEAR_DECAY and abs(width - self._width) < _NEAR_WIDTH:
            return False
        self._decay = _towards(self._decay, decay, _NEAR_DECAY)
        self._width = _towards(self._width, width, _NEAR_WIDTH)
        self._feedback = _MIX * np.float32(self._decay)
        same, other = 0.5 + 0.5 * self._width, 0.5 - 0.5 * self._width
        level = 0.25 * _WET / np.sqrt(len(_DELAYS))
        sides = level * np.array([[same, other], [other, same]])
        self._out = np.repeat(sides, len(_DELAYS), axis=1).astype(np.float32)
        return not begins

    def _empty(self) -> None:
        for lines in (self._lines, *self._echo):
            if max(-lines.min(), lines.max()) < _NOTHING:
                lines.fill(0.0)

    def state(self) -> RoomState:
        """What `resume` needs: about half a megabyte for a pair."""
        return {
            "ticks": self._ticks,
            "echoes_for": self._echoes_for,
            "decay": self._decay,
            "width": self._width,
            "lines": _written(self._lines),
            "echo": [_written(line) for line in self._echo] if self._echoes_for else [],
        }

    def resume(self, state: RoomState) -> None:
        """Go on exactly from a `state`. Raises ValueError when it is of another number of pairs, or none."""
        _read(state["lines"], self._lines)
        self._silence_echo()
        for line, kept in zip(self._echo, state["echo"], strict=False):
            _read(kept, line)
        self._ticks, self._echoes_for = int(state["ticks"]), int(state["echoes_for"])
        decay, width = float(state["decay"]), float(state["width"])
        self._decay = self._width = -1.0
        if decay >= 0.0:
            self._glide(decay, width)


def _towards(value: float, wanted: float, near: float) -> float:
    left = (1.0 - _GLIDE) * (wanted - value)
    return wanted if value < 0.0 or abs(left) < near else wanted - left


def _written(array: Sound) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _read(kept: str, into: Sound) -> None:
    into[:] = np.frombuffer(base64.b64decode(kept), np.float32).reshape(into.shape)
