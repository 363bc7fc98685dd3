"""The music on this machine: `--play`, through PortAudio (the sounddevice package, extra `local`).

A virtual cable is a device like any other: play into it, and other programs have the music as a microphone.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol

import numpy as np

from stream.errors import StreamError
from stream.ports import CHANNELS, SAMPLE_RATE_HZ, Block
from stream.session.companions import accompany
from stream.session.session import Session
from stream.session.sessions import DEFAULT_NAME, Companion, Sessions
from stream.sound.egress import PlayedBlock
from stream.sound.playout import PLAYOUT_SAMPLES

log = logging.getLogger(__name__)

FILL_BLOCKS, MAX_BLOCKS = 3, 8
"""Playing starts with so many blocks of 20 ms in store; with more than the second the oldest are dropped."""
SEAM_SAMPLES = 240
"""5 ms: how a block is dropped, and how the sound stops and starts."""
END_S = 0.08
"""Longer than a device's buffers: until the fade has been heard."""
_PHASE = np.pi * (np.arange(SEAM_SAMPLES) + 0.5) / SEAM_SAMPLES
_RISE: Block = (0.5 - 0.5 * np.cos(_PHASE)).astype(np.float32)[:, None]


class SpeakersError(StreamError):
    """There is no sound on this machine; the message says what to do."""


class Device(NamedTuple):
    """Something sound can be sent to."""

    name: str
    channels: int
    is_default: bool


class SoundDevice(Protocol):
    """What is used of the sounddevice module."""

    default: Any
    PortAudioError: type[Exception]

    def query_devices(self) -> Sequence[Any]: ...

    def OutputStream(self, **choices: Any) -> Any: ...


def sound_device() -> SoundDevice:
    """The module. Raises SpeakersError when it, or PortAudio under it, is missing."""
    try:
        module: SoundDevice = import_module("sounddevice")
    except ModuleNotFoundError as error:
        raise SpeakersError(
            "sound on this machine needs the sounddevice package: pip install 'narrascore-live[local]'"
        ) from error
    except OSError as error:
        raise SpeakersError(
            "PortAudio is missing: apt install libportaudio2 (Debian, Ubuntu), dnf install portaudio "
            "(Fedora) or brew install portaudio (macOS)"
        ) from error
    return module


def outputs(module: SoundDevice) -> list[Device]:
    """Every device that plays, as the system lists them."""
    chosen = module.default.device[1]
    return [
        Device(str(one["name"]), int(one["max_output_channels"]), index == chosen)
        for index, one in enumerate(module.query_devices())
        if int(one["max_output_channels"]) > 0
    ]


def find(module: SoundDevice, name: str) -> int | None:
    """The index of the device called `name`, else of the only one whose name holds it; None for "".

    Raises SpeakersError when there is none, or more than one.
    """
    if not name:
        return None
    named = [
        (index, str(one["name"]))
        for index, one in enumerate(module.query_devices())
        if int(one["max_output_channels"]) > 0
    ]
    same = [index for index, full in named if full.lower() == name.lower()]
    near = [index for index, full in named if name.lower() in full.lower()]
    found = same[:1] or near
    if len(found) == 1:
        return found[0]
    problem = f"{len(found)} devices are called so" if found else "there is no such device"
    raise SpeakersError(f"{name!r}: {problem}; `narrascore devices` lists them")


class Cushion:
    """Between our clock and the sound card's, which drift apart: blocks in, any number of samples out.

    Full, the oldest block is dropped; empty, there is silence until it has filled again. Neither clicks.
    `push` is called on one thread and `pull` on another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._store: Block = np.zeros((0, CHANNELS), np.float32)
        self._flowing = False
        self._ended = False
        self.dropped = 0
        self.ran_dry = 0

    def push(self, block: Block) -> None:
        with self._lock:
            if self._ended:
                return
            store = np.concatenate([self._store, block])
            if len(store) > MAX_BLOCKS * PLAYOUT_SAMPLES:
                store = _without_a_block(store)
                self.dropped += 1
            self._store = store

    def end(self) -> None:
        """Nothing more: what is left is short, and faded out."""
        with self._lock:
            self._ended = True
            self._store = self._store[:PLAYOUT_SAMPLES]

    def pull(self, samples: int) -> Block:
        """Exactly `samples`."""
        out = np.zeros((samples, CHANNELS), np.float32)
        with self._lock:
            if not self._flowing:
                if len(self._store) < max(FILL_BLOCKS * PLAYOUT_SAMPLES, samples + SEAM_SAMPLES):
                    return out
                self._flowing = True
                self._store[:SEAM_SAMPLES] *= _RISE
            if len(self._store) >= samples + SEAM_SAMPLES:
                out[:] = self._store[:samples]
                self._store = self._store[samples:]
                return out
            # All that is left, faded out at its end.
            rest, self._store = self._store[:samples], self._store[:0]
            self._flowing = False
            self.ran_dry += 1
        fade = min(SEAM_SAMPLES, len(rest))
        out[: len(rest)] = rest
        out[len(rest) - fade : len(rest)] *= _RISE[::-1][SEAM_SAMPLES - fade :]
        return out


def _without_a_block(store: Block) -> Block:
    """`store` one block shorter: its beginning goes over into what follows the block."""
    seam = store[:SEAM_SAMPLES] * _RISE[::-1]
    seam += store[PLAYOUT_SAMPLES : PLAYOUT_SAMPLES + SEAM_SAMPLES] * _RISE
    return np.concatenate([seam, store[PLAYOUT_SAMPLES + SEAM_SAMPLES :]])


class Speakers:
    """One session's music on one device. Raises SpeakersError when it cannot be opened."""

    def __init__(self, module: SoundDevice, device: int | None) -> None:
        self._cushion = Cushion()
        self._failure = module.PortAudioError
        try:
            self._stream = module.OutputStream(
                device=device,
                samplerate=SAMPLE_RATE_HZ,
                channels=CHANNELS,
                dtype="float32",
                callback=self._fill,
            )
            self._stream.start()
        except (module.PortAudioError, OSError, ValueError) as error:
            raise SpeakersError(
                f"the device cannot be opened ({error}): choose another with --play"
            ) from error

    def tap(self, played: PlayedBlock) -> None:
        """A `stream.sound.egress.Tap`."""
        self._cushion.push(played.block)

    def _fill(self, out: Block, samples: int, times: object, status: object) -> None:
        """On PortAudio's thread."""
        out[:] = self._cushion.pull(samples)

    def close(self) -> None:
        """Fade out and give the device back. Blocks for a moment."""
        self._cushion.end()
        time.sleep(END_S)
        try:
            self._stream.stop()
            self._stream.close()
        except self._failure as error:  # it has been pulled out
            log.info("the sound device did not close: %s", error)


def speakers(module: SoundDevice, name: str) -> Companion:
    """The default session on the device called `name` ("": the system's), while the service runs.

    Raises SpeakersError when there is no such device.
    """
    device = find(module, name)

    async def play(session: Session) -> None:
        try:
            player = await asyncio.to_thread(Speakers, module, device)
        except SpeakersError as error:
            trouble = f"No sound on this machine: {error}."
            log.warning("%s", trouble)
            session.remark("speakers", lambda: trouble)
            return
        session.add_tap(player.tap)
        try:
            await session.until_closing()
        finally:
            session.remove_tap(player.tap)
            await asyncio.to_thread(player.close)

    async def run(sessions: Sessions) -> None:
        await accompany(sessions, DEFAULT_NAME, "The sound on this machine", play)

    return run
