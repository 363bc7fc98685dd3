"""MusicGen in real time? Our loop beside transformers' `generate()` and audiocraft, in one run.

    python -m bench.musicgen --json                # random weights in MusicGen-small's geometry: 5 minutes
    python -m bench.musicgen --model DIR --json    # weights of your own
    python -m bench.musicgen --tiny --json         # the machinery only, in seconds
    python -m bench.musicgen --minutes 10          # ours alone: are steps even, does the memory stay

Random weights cost what trained ones cost. A factor is seconds of audio made in a second, codec included:
1 holds real time. Stock paths make a clip of `--stock-tokens` tokens; their cost grows with its length.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch

from bench.musicgen_stock import TEXT_TOKENS, audiocraft, stock
from bench.report import machine
from composer.musicgen import huge_pages, vectors
from composer.musicgen.assembly import CPU_WINDOWS, Parts
from composer.musicgen.codec import CodecStream
from composer.musicgen.codec_thread import FRAMES_A_CALL, CodecThread, second_core
from composer.musicgen.compiled_stepper import CompiledStepper
from composer.musicgen.engine import STEPS_AHEAD, MusicGenComposer
from composer.musicgen.geometry import FRAME_RATE_HZ, FRAME_SAMPLES, Geometry, Manner
from composer.musicgen.loading import Options, decoder_arrays, find, geometry_of, load_model
from composer.musicgen.onnx_graph import graph
from composer.musicgen.onnx_stepper import OnnxStepper
from composer.musicgen.spans import Spans, measure
from composer.musicgen.steering import Directions
from composer.musicgen.stepper import Array, Stepper, host_weights
from composer.musicgen.token_stream import rows_for

SPAN_STEPS = 60
REAL_TIME_MS = 1000.0 / FRAME_RATE_HZ


class Timed(NamedTuple):
    """One run of ours. Milliseconds per frame of 20 ms, once both lanes are at work."""

    frames: Array
    changes: Array
    """The frames in which the lanes changed over."""
    step_ms: float
    codec_ms: float
    """Of the codec's own thread, beside the next step."""
    waited_ms: float
    """How long the loop waited for that thread, of a frame."""
    processor_ms: float
    """Processor time of all threads: two cores have 40 ms of it in a frame."""

    @property
    def factor(self) -> float:
        return REAL_TIME_MS / float(self.frames.mean())


class _Text:
    """In place of T5, which is asked once a piece: states of the right shape."""

    def __init__(self, width: int) -> None:
        self._states = np.random.default_rng(0).standard_normal((TEXT_TOKENS, width)).astype(np.float32)

    def encode(self, text: str) -> Array:
        return self._states


def random_model(tiny: bool) -> Any:
    """MusicGen-small's decoder and codec with random weights; its T5 is cut to one layer."""
    from transformers import EncodecConfig, MusicgenConfig, MusicgenDecoderConfig, T5Config
    from transformers import MusicgenForConditionalGeneration as MusicGen

    torch.manual_seed(0)
    small = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "ffn_dim": 128}
    model = MusicGen(
        MusicgenConfig(
            text_encoder=T5Config(d_model=768, d_kv=64, d_ff=64, num_layers=1, num_heads=12).to_dict(),
            audio_encoder=EncodecConfig(
                target_bandwidths=[2.2],
                sampling_rate=32_000,
                num_filters=8 if tiny else 64,
                upsampling_ratios=[8, 5, 4, 4],
                codebook_size=2048,
                codebook_dim=128,
                use_causal_conv=False,
                use_conv_shortcut=False,
            ).to_dict(),
            decoder=MusicgenDecoderConfig(**(small if tiny else {})).to_dict(),
        )
    )
    for layer in model.audio_encoder.quantizer.layers:
        layer.codebook.embed.normal_()
    for name in ("decoder_start_token_id", "pad_token_id", "bos_token_id"):
        setattr(model.generation_config, name, 2048)
    return model.eval().requires_grad_(False)


def ours(
    model: Any,
    guidance: float,
    bits: int,
    threads: int,
    frames: int,
    each_second: Callable[[], None] | None = None,
) -> Timed:
    """Play `frames` frames on the compiled step; those after the first change of lanes count."""
    geometry, manner, second = geometry_of(model), Manner(guidance=guidance), second_core()
    stepper = CompiledStepper(
        decoder_arrays(model),
        geometry,
        rows_for(manner),
        CPU_WINDOWS.length,
        bits,
        second if threads > 1 else None,
    )
    return play(model, stepper, geometry, manner, frames, second, each_second)


def composer_of(model: Any, guidance: float, bits: int) -> MusicGenComposer:
    """As the service has it, but for the text encoder; affect moves it along random directions."""
    geometry, second = geometry_of(model), second_core()
    arrays, rows = decoder_arrays(model), rows_for(Manner(guidance=guidance))
    stepper = CompiledStepper(arrays, geometry, rows, CPU_WINDOWS.length, bits, second)
    codec = CodecThread(CodecStream(model.audio_encoder), second)
    rng = np.random.default_rng(0)
    valence, arousal = (
        rng.standard_normal((geometry.shallow, geometry.width)).astype(np.float32) for _ in "va"
    )
    steering = Directions(valence, arousal, np.full(geometry.shallow, 1.0, np.float32))
    text: Any = _Text(geometry.width)
    manner, by = Manner(guidance=guidance), "random directions"
    playing = geometry, CPU_WINDOWS, manner, text, stepper, codec, steering, by
    parts = Parts("random", "compiled", *playing, text_follows=False)
    huge_pages.ask()
    return MusicGenComposer(parts)


def on_onnx(model: Any, guidance: float, threads: int, frames: int) -> Timed:
    """The same on ONNX Runtime's graph, which other processors play on: 8 bits."""
    geometry, manner = geometry_of(model), Manner(guidance=guidance)
    spans = measure(
        _onnx(model, geometry, 2, threads, None), geometry, [_Text(geometry.width).encode("")], SPAN_STEPS
    )
    stepper = _onnx(model, geometry, rows_for(manner), threads, spans)
    return play(model, stepper, geometry, manner, frames, second_core())


def _onnx(model: Any, geometry: Geometry, rows: int, threads: int, spans: Spans | None) -> OnnxStepper:
    arrays, length = decoder_arrays(model), CPU_WINDOWS.length
    made = graph(arrays, geometry, rows, length, 8, exact=False, spans=spans).SerializeToString()
    return OnnxStepper(made, host_weights(arrays, geometry), geometry, rows, length, threads)


def play(
    model: Any,
    stepper: Stepper,
    geometry: Geometry,
    manner: Manner,
    frames: int,
    second: ThreadPoolExecutor,
    each_second: Callable[[], None] | None = None,
) -> Timed:
    clocked = _Clocked(stepper)
    stream = _ClockedCodec(model.audio_encoder)
    codec = _ClockedThread(stream, second)
    text: Any = _Text(geometry.width)
    composer = MusicGenComposer(
        Parts("bench", "", geometry, CPU_WINDOWS, manner, text, clocked, codec, None, "", text_follows=False)
    )
    composer.prime("music", 0)
    huge_pages.ask()
    times, processor = [], []
    for frame in range(frames):
        if each_second is not None and frame % FRAME_RATE_HZ == 0:
            each_second()
        began, used = time.perf_counter(), time.process_time()
        composer.render(FRAME_SAMPLES)
        times.append(1000.0 * (time.perf_counter() - began))
        processor.append(1000.0 * (time.process_time() - used))
    first = CPU_WINDOWS.stride
    taken = np.array(times[first:], np.float32)
    # A frame makes one step, some ahead of it; a lane is told its texts, and takes over, in these.
    steps = np.arange(first, frames) + STEPS_AHEAD - 1
    changes = ((steps - CPU_WINDOWS.overlap) % CPU_WINDOWS.stride == 0) & (steps >= CPU_WINDOWS.length)
    per_frame = len(taken)
    return Timed(
        taken,
        taken[changes],
        float(np.sum(clocked.times[-per_frame:])) / per_frame,
        float(np.sum(stream.times[-per_frame // FRAMES_A_CALL :])) / per_frame,
        float(np.sum(codec.times[-per_frame:])) / per_frame,
        float(np.mean(processor[first:])),
    )


class _Clocked:
    """A stepper with a clock around it."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self.rows, self.capacity = stepper.rows, stepper.capacity
        self.remember, self.listen = stepper.remember, stepper.listen
        self.times: list[float] = []

    def step(self, tokens: Any, positions: Any, residuals: Array | None) -> Array:
        began = time.perf_counter()
        logits = self._stepper.step(tokens, positions, residuals)
        self.times.append(1000.0 * (time.perf_counter() - began))
        return logits


class _ClockedCodec(CodecStream):
    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.times: list[float] = []

    def push(self, codes: Any) -> Any:
        began = time.perf_counter()
        samples = super().push(codes)
        self.times.append(1000.0 * (time.perf_counter() - began))
        return samples


class _ClockedThread(CodecThread):
    def __init__(self, codec: CodecStream, thread: ThreadPoolExecutor) -> None:
        super().__init__(codec, thread)
        self.times: list[float] = []

    def exchange(self, codes: Any) -> Any:
        began = time.perf_counter()
        samples = super().exchange(codes)
        self.times.append(1000.0 * (time.perf_counter() - began))
        return samples


def long(options: argparse.Namespace) -> dict[str, Any]:
    """Ours alone for so many minutes of music: are steps even, and does the memory stay?"""
    model = _model(options)
    frames = round(options.minutes * 60 * FRAME_RATE_HZ)
    resident: list[float] = []
    process = psutil.Process()

    def look() -> None:
        resident.append(process.memory_info().rss / 2**20)

    timed = ours(model, options.guidance, 8, options.threads, frames, look)
    median = float(np.median(timed.frames))
    return {
        "machine": machine(),
        "minutes": options.minutes,
        "guidance": options.guidance,
        "realtime_factor": round(timed.factor, 3),
        "step_ms_median": round(median, 2),
        "step_ms_p99": round(float(np.percentile(timed.frames, 99)), 2),
        "step_p99_over_median": round(float(np.percentile(timed.frames, 99)) / median, 2),
        "step_ms_max": round(float(timed.frames.max()), 2),
        "window_changes": len(timed.changes),
        "window_change_ms_max": round(float(timed.changes.max()), 2) if timed.changes.size else None,
        "memory_mib_after_a_tenth": round(resident[len(resident) // 10], 1),
        "memory_mib_at_the_end": round(resident[-1], 1),
    }


def _model(options: argparse.Namespace) -> Any:
    # Of ours, torch only runs the codec; its threads would wait beside the decoder's.
    torch.set_num_threads(1)
    return load_model(find(Options(options.model))) if options.model else random_model(options.tiny)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """One object: see the module."""
    model = _model(options)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    plain = ours(model, 1.0, 8, options.threads, options.frames)
    say(f"8 bits, no guidance: {plain.factor:.2f}x")
    guided = ours(model, 3.0, 8, options.threads, options.frames)
    say(f"8 bits, guidance 3: {guided.factor:.2f}x")
    few = min(options.frames, CPU_WINDOWS.stride + 100)
    four, four_guided = (ours(model, guidance, 4, options.threads, few).factor for guidance in (1.0, 3.0))
    one_thread = ours(model, 1.0, 8, 1, few).factor
    say(f"4 bits: {four:.2f}x, guided {four_guided:.2f}x; 8 bits on one thread {one_thread:.2f}x")
    onnx, onnx_guided = (on_onnx(model, guidance, options.threads, few).factor for guidance in (1.0, 3.0))
    say(f"ONNX Runtime, 8 bits: {onnx:.2f}x, guided {onnx_guided:.2f}x")
    gc.collect()
    torch.set_num_threads(options.threads)
    fp32, fp32_guided = (stock(model, guidance, options.stock_tokens) for guidance in (1.0, 3.0))
    say(f"generate() fp32: {fp32:.3f}x, guided {fp32_guided:.3f}x")
    model.to(torch.bfloat16)
    bf16, bf16_guided = (stock(model, guidance, options.stock_tokens) for guidance in (1.0, 3.0))
    say(f"generate() bf16: {bf16:.3f}x, guided {bf16_guided:.3f}x")
    best, best_guided = max(fp32, bf16), max(fp32_guided, bf16_guided)
    audio, how = audiocraft(min(60, options.stock_tokens), options.threads, options.tiny)
    say(f"audiocraft, guided: {f'{audio:.3f}x' if audio else how}")
    return {
        "machine": machine(),
        "weights": options.model or ("random, tiny" if options.tiny else "random, MusicGen-small's geometry"),
        "backend": "compiled, weights and caches in 8 bits, the second thread shared with the codec",
        "threads": options.threads,
        "frames_timed": len(plain.frames),
        "realtime_factor": round(plain.factor, 3),
        "realtime_factor_guided": round(guided.factor, 3),
        "realtime_factor_4bit": round(four, 3),
        "realtime_factor_4bit_guided": round(four_guided, 3),
        "realtime_factor_one_thread": round(one_thread, 3),
        "realtime_factor_onnx": round(onnx, 3),
        "realtime_factor_onnx_guided": round(onnx_guided, 3),
        "transformers_fp32": round(fp32, 4),
        "transformers_fp32_guided": round(fp32_guided, 4),
        "transformers_bf16": round(bf16, 4),
        "transformers_bf16_guided": round(bf16_guided, 4),
        "transformers_tokens": options.stock_tokens,
        "ratio_vs_transformers": round(plain.factor / best, 2),
        "ratio_vs_transformers_guided": round(guided.factor / best_guided, 2),
        "ratio_vs_audiocraft": round(guided.factor / audio, 2) if audio else None,
        "audiocraft": how,
        "audiocraft_guided": round(audio, 4) if audio else None,
        "frame_ms_median": round(float(np.median(plain.frames)), 2),
        "step_ms_median": round(float(np.median(plain.frames)), 2),
        "step_ms_p99": round(float(np.percentile(plain.frames, 99)), 2),
        "window_change_ms_max": round(float(plain.changes.max()), 2) if plain.changes.size else None,
        "guided_step_ms_median": round(float(np.median(guided.frames)), 2),
        "guided_step_ms_p99": round(float(np.percentile(guided.frames, 99)), 2),
        "decoder_ms_mean": round(plain.step_ms, 2),
        "codec_ms_mean": round(plain.codec_ms, 2),
        "processor_ms_mean": round(plain.processor_ms, 2),
        "guided_processor_ms_mean": round(guided.processor_ms, 2),
        "codec_waited_ms_mean": round(plain.waited_ms, 2),
        "rest_ms_mean": round(float(plain.frames.mean()) - plain.step_ms - plain.waited_ms, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--model", default="", help="folder or hub id of weights; default: random ones")
    parser.add_argument("--tiny", action="store_true", help="a tiny random model: the machinery only")
    parser.add_argument("--frames", type=int, default=800, help="frames played a configuration (50 a second)")
    parser.add_argument("--stock-tokens", type=int, default=100, help="tokens generate() makes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the object here too")
    parser.add_argument("--minutes", type=float, default=0.0, help="ours alone for so many minutes of music")
    parser.add_argument("--guidance", type=float, default=1.0, help="for --minutes")
    options = parser.parse_args()
    if not vectors.lanes():
        sys.exit("This processor has no instruction for products of bytes (AVX-VNNI): nothing to compile.")
    found = long(options) if options.minutes else run(options)
    text = json.dumps(found, indent=2)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")
    if options.json:
        print(text)
    else:
        for name, value in found.items():
            print(f"{name:32} {value}")


if __name__ == "__main__":
    main()
