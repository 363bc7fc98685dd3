"""MusicGen as a composer: tokens, codec, resampler, leveller and limiter on one clock of 20 ms frames.

For each frame: affect commanded for its first sample is looked up, one token step is made with it, and the
codec hands out 20 ms that earlier steps have decided. All of it is a function of (anchor, seed, affect
curve), so the sizes of the blocks asked for cannot matter. One thread owns a composer.
"""

from __future__ import annotations

import json
import logging
import math
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from composer.errors import ComposerError
from composer.leveller import Leveller
from composer.limiter import LATENCY_SAMPLES as LIMITER_SAMPLES
from composer.limiter import Limiter
from composer.musicgen.assembly import Parts
from composer.musicgen.codec_thread import HELD_FRAMES
from composer.musicgen.geometry import FRAME_SAMPLES, HOP
from composer.musicgen.guard import Guard
from composer.musicgen.loading import LICENCE
from composer.musicgen.prompts import mixture, prompt_of
from composer.musicgen.resampler import DELAY_SAMPLES, Upsampler
from composer.musicgen.stepper import Array, TextMemory, WeightedText
from composer.musicgen.token_stream import ResidualAt, TokenStream
from composer.score import TICK_SAMPLES

log = logging.getLogger(__name__)

Block = npt.NDArray[np.float32]

CURVE_KEPT = 4096
PAST_KEPT = 256
"""Steps of affect kept beyond a window: more than any steering reaches back."""
QUICK_STEPS = 50
"""A second of tokens is what a successor in a hurry reads."""
_MOOD_STEPS = 100
"""Affect of the last two seconds decides a window's texts."""
STEPS_AHEAD = 8 + HELD_FRAMES
"""That ago the frame handed out was begun: this step, three of delay, four of look-ahead, the codec's own."""
_CODEC_LEAD = 237
"""Samples of a frame that the codec's look-ahead (2402 of 5 x 640) has decided before: at 48 kHz."""


class MusicGenComposer:
    """One endless piece. See the module for its clock."""

    latency_samples = HELD_FRAMES * FRAME_SAMPLES + _CODEC_LEAD + DELAY_SAMPLES + LIMITER_SAMPLES
    """A step chooses the last codebook of the frame it completes, which the codec decodes during the next
    steps: 68 ms. The first codebook, which says most, is of a frame that comes three frames later: 128 ms."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._tokens: TokenStream | None = None
        self._begin(0)
        self._tokens = None

    def _begin(self, seed: int) -> None:
        p = self._parts
        self._tokens = TokenStream(p.stepper, p.geometry, p.windows, p.manner, seed)
        self._steering = p.steering.begin() if p.steering is not None else None
        p.codec.begin()
        self._prompt = ""
        self._memories: dict[str, TextMemory] = {}
        self._upsampler, self._guard = Upsampler(), Guard()
        self._leveller, self._limiter = Leveller(), Limiter()
        self._now = 0
        self._curve: deque[tuple[int, float, float]] = deque(maxlen=CURVE_KEPT)
        self._affect = (0.0, 0.0)
        self._past: deque[tuple[float, float]] = deque(maxlen=p.windows.length + PAST_KEPT)
        """Affect of the last steps, newest last."""
        self._mono = np.zeros(0, dtype=np.float32)
        self._ready: Block = np.zeros((0, 2), dtype=np.float32)
        self._restarts = 0

    # -- the contract ---------------------------------------------------------------------------------

    def prime(self, anchor: str, seed: int) -> None:
        """Begin a piece. While one plays: hear the new text from the next token on, with the old music as
        context; with another seed, go over to another piece.

        Raises AnchorTextError (a ValueError): the text cannot be an anchor.
        """
        prompt = prompt_of(anchor)
        if self._tokens is None:
            self._begin(seed)
        assert self._tokens is not None
        self._prompt = prompt
        texts = self._texts()
        if seed != self._tokens.seed:
            self._tokens.seed = seed
            self._tokens.begin_again(0, texts, self._residuals())
            return
        for lane in (0, 1):
            self._tokens.listen(lane, texts)

    def steer(self, valence: float, arousal: float, at_sample: int) -> None:
        """Affect from `at_sample` on. Clamped to [-1, 1]; a call with NaN is ignored."""
        if math.isnan(valence) or math.isnan(arousal):
            return
        clamped = min(max(float(valence), -1.0), 1.0), min(max(float(arousal), -1.0), 1.0)
        if self._curve:
            at_sample = max(at_sample, self._curve[-1][0])
        self._curve.append((at_sample, *clamped))

    def accent(self, at_sample: int) -> None:
        """MusicGen knows no beat that could be marked: cuts pass unheard."""

    def render(self, n_samples: int) -> Block:
        """The next `n_samples` of the piece, float32 (n_samples, 2).

        Raises ComposerError: nothing was primed.
        """
        parts = [self._ready]
        have = len(self._ready)
        while have < n_samples:
            parts.append(self._frame())
            have += FRAME_SAMPLES
        block = np.concatenate(parts)
        self._ready = block[n_samples:]
        return block[:n_samples]

    def now_playing(self) -> Mapping[str, str | float]:
        """The text, the model, and what its licence asks."""
        p = self._parts
        return {
            "style": self._prompt,
            "model": f"{p.name} ({p.backend})",
            "licence": LICENCE,
            "steered by": p.steered_by,
            "restarts": float(self._restarts),
        }

    def close(self) -> None:
        """The piece ends; the model stays with the process."""
        self._tokens = None

    # -- one frame ------------------------------------------------------------------------------------

    def _frame(self) -> Block:
        if self._tokens is None:
            raise ComposerError("The composer has no anchor yet: call prime(anchor, seed) first.")
        while self._curve and self._curve[0][0] <= self._now:
            _, *affect = self._curve.popleft()
            self._affect = affect[0], affect[1]
        while len(self._mono) < HOP:
            self._step(self._tokens)
        frame, self._mono = self._mono[:HOP], self._mono[HOP:]
        reason = self._guard.hear(frame)
        if reason:
            self._restarts += 1
            log.warning("beginning again on a short context: %s", reason)
            self._tokens.begin_again(0, self._texts(), self._residuals())
        sound = np.repeat(self._upsampler.process(frame)[:, None], 2, axis=1)
        # That of the step which chose this frame's first codebook: the others and the look-ahead came after.
        arousal = self._past[-STEPS_AHEAD][1]
        ticks = []
        for tick in sound.reshape(-1, TICK_SAMPLES, 2):
            self._leveller.process(tick, arousal)
            ticks.append(self._limiter.process(tick))
        self._now += FRAME_SAMPLES
        return np.concatenate(ticks)

    def _step(self, tokens: TokenStream) -> None:
        if (lane := tokens.opening) is not None:
            tokens.listen(lane, self._texts())
        self._past.append(self._affect)
        residuals = self._steering.step(*self._affect) if self._steering is not None else None
        if (codes := tokens.step(residuals)) is not None:
            self._mono = np.concatenate([self._mono, self._parts.codec.exchange(codes)])

    def _texts(self) -> list[WeightedText]:
        """What to listen to under the affect of late."""
        valence, arousal = 0.0, 0.0
        if self._parts.text_follows and self._past:
            recent = list(self._past)[-_MOOD_STEPS:]
            valence = sum(v for v, _ in recent) / len(recent)
            arousal = sum(a for _, a in recent) / len(recent)
        return self._recalled(mixture(self._prompt, valence, arousal))

    def _recalled(self, texts: tuple[tuple[str, float], ...]) -> list[WeightedText]:
        for words, _ in texts:
            if words not in self._memories:
                stepper = self._parts.stepper
                self._memories[words] = stepper.remember(words, self._parts.text.encode(words))
        while len(self._memories) > 12:  # two anchors' worth of variants
            self._memories.pop(next(iter(self._memories)))
        return [
            WeightedText(
                self._memories.get(words)
                or self._parts.stepper.remember(words, self._parts.text.encode(words)),
                weight,
            )
            for words, weight in texts
        ]

    def _residuals(self) -> ResidualAt:
        """Residuals of past steps, asked for in order: what the steering gave then, again."""
        assert self._tokens is not None
        first = self._tokens.step_number - len(self._past)
        past = list(self._past)
        stream = self._parts.steering.begin() if self._parts.steering is not None else None
        fed = -1

        def at(step: int) -> Array | None:
            nonlocal fed
            if stream is None:
                return None
            index = step - first
            assert 0 <= index < len(past)
            if fed != index - 1 or fed < 0:
                stream.replay(past[:index])
            fed = index
            return stream.step(*past[index])

        return at

    # -- going on elsewhere ---------------------------------------------------------------------------

    def state(self) -> bytes:
        """What `restore` needs: tokens, affect, texts, and what codec and filters hold back."""
        if self._tokens is None:
            raise ComposerError("There is no piece to keep yet: call prime(anchor, seed) first.")
        meta = {
            "model": self._parts.name,
            "prompt": self._prompt,
            "tokens": self._tokens.state(),
            "texts": [
                (step, lane, [(memory.words, weight) for memory, weight in texts])
                for step, lane, texts in self._tokens.texts_at
            ],
            "now": self._now,
            "curve": list(self._curve),
            "affect": self._affect,
            "past": list(self._past),
            "guard": (self._guard.silent, self._guard.loud),
            "leveller": self._leveller.excess,
            "limiter": self._limiter.state(),
            "restarts": self._restarts,
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "mono": self._mono,
            "ready": np.ascontiguousarray(self._ready),
            "upsampler": self._upsampler.history,
        }
        arrays |= {f"codec.{name}": value for name, value in self._parts.codec.save().items()}
        head = json.dumps(meta).encode()
        return len(head).to_bytes(8, "little") + head + save(arrays)

    def restore(self, state: bytes, exact: bool = True) -> None:
        """Go on with the piece `state` was taken from: with the same samples, bit for bit, when `exact`.

        That takes as long as playing the last window. Without `exact` only a second of tokens is read again:
        the sound goes on without a seam, but the tokens to come are others.

        Raises ComposerError: `state` is not one of this composer's.
        """
        size = int.from_bytes(state[:8], "little")
        try:
            meta = json.loads(state[8 : 8 + size])
            arrays = load(state[8 + size :])
            played = meta["model"]
        except (ValueError, KeyError, SafetensorError) as error:
            raise ComposerError(f"This is not a MusicGen composer's state: {error}") from error
        if played != self._parts.name:
            raise ComposerError(f"This piece was played by {played}, not by {self._parts.name}.")
        self._begin(meta["tokens"]["seed"])
        assert self._tokens is not None
        self._prompt = meta["prompt"]
        self._now, self._affect = meta["now"], (meta["affect"][0], meta["affect"][1])
        self._curve.extend((at, v, a) for at, v, a in meta["curve"])
        self._past.extend((v, a) for v, a in meta["past"])
        self._guard.silent, self._guard.loud = meta["guard"]
        self._leveller.resume(meta["leveller"])
        self._limiter.resume(meta["limiter"])
        self._restarts = meta["restarts"]
        self._mono, self._upsampler.history = arrays["mono"], arrays["upsampler"]
        self._ready = arrays["ready"].reshape(-1, 2)
        prefix = "codec."
        self._parts.codec.load({k[len(prefix) :]: v for k, v in arrays.items() if k.startswith(prefix)})
        if self._steering is not None:
            self._steering.replay(list(self._past))
        texts_at = [
            (step, lane, tuple(self._recalled(tuple((words, weight) for words, weight in texts))))
            for step, lane, texts in meta["texts"]
        ]
        self._tokens.step_number = meta["tokens"]["step"]
        self._tokens.resume(meta["tokens"], texts_at, self._residuals(), replay=exact)
        if not exact:
            self._tokens.begin_again(QUICK_STEPS, self._texts(), self._residuals())
