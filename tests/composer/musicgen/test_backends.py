"""The processor's steps against torch's: exact in 32 bits, within what 8 and 4 bits lose otherwise."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from composer.musicgen import conversion, vectors
from composer.musicgen.compiled_stepper import CompiledStepper
from composer.musicgen.onnx_graph import graph
from composer.musicgen.onnx_stepper import OnnxStepper
from composer.musicgen.quantize import BLOCK, quantize
from composer.musicgen.spans import Spans, measure
from composer.musicgen.stepper import Array, Stepper, WeightedText, host_weights
from composer.musicgen.torch_stepper import TorchStepper
from tests.composer.musicgen import tiny_musicgen
from tests.composer.musicgen.conftest import compiled

G = tiny_musicgen.GEOMETRY
ROWS, CAPACITY = 4, 24
needs_bytes = pytest.mark.skipif(
    not vectors.lanes(), reason="this processor does not multiply bytes (AVX-VNNI)"
)


def onnx_stepper(bits: int, exact: bool = False, spans: Spans | None = None) -> OnnxStepper:
    arrays = tiny_musicgen.arrays()
    made = graph(arrays, G, ROWS, CAPACITY, bits, exact, spans).SerializeToString()
    return OnnxStepper(made, host_weights(arrays, G), G, ROWS, CAPACITY, threads=1)


def compiled_stepper(
    bits: int = 8, lanes: int = 0, helper: ThreadPoolExecutor | None = None
) -> CompiledStepper:
    return CompiledStepper(tiny_musicgen.arrays(), G, ROWS, CAPACITY, bits, helper, lanes)


def torch_stepper() -> TorchStepper:
    return TorchStepper(tiny_musicgen.model().decoder.state_dict(), G, ROWS, CAPACITY)


def logits_of(stepper: Stepper, steps: int = 40, residual: float = 0.3) -> Array:
    """Ragged rows that begin again, mixed texts, residuals: all that a piece does. (steps, R, K, V)."""
    rng = np.random.default_rng(0)
    a, b = (stepper.remember(str(n), rng.standard_normal((n, G.width)).astype(np.float32)) for n in (5, 7))
    stepper.listen(0, [WeightedText(a, 1.0)])
    stepper.listen(1, [WeightedText(a, 0.3), WeightedText(b, 0.7)])
    out = []
    for step in range(steps):
        tokens = rng.integers(0, G.vocabulary + 1, (ROWS, G.codebooks))
        positions = np.array([step % CAPACITY, (step + 12) % CAPACITY if step >= 12 else 0] * 2)
        if step < 12:
            positions[1::2] = 0
        residuals = residual * rng.standard_normal((G.shallow, G.width)).astype(np.float32)
        out.append(stepper.step(tokens, positions, residuals if residual and step % 2 else None).copy())
        if step == 20:
            stepper.listen(0, [WeightedText(b, 1.0)])
    return np.array(out)


@pytest.fixture(scope="module")
def reference() -> Array:
    return logits_of(torch_stepper())


def test_in_32_bits_both_backends_are_one(reference: Array) -> None:
    assert np.abs(logits_of(onnx_stepper(32)) - reference).max() < 1e-5


def stepper_of(kind: str, bits: int = 8) -> Stepper:
    if kind == "torch":
        return torch_stepper()
    return onnx_stepper(bits) if kind == "onnx" else compiled_stepper(bits)


@pytest.mark.parametrize("kind", ["onnx", compiled])
def test_in_8_bits_they_differ_by_a_few_percent_of_the_logits_spread(reference: Array, kind: str) -> None:
    error = logits_of(stepper_of(kind)) - reference
    assert 0.0 < error.std() < 0.03 * reference.std()


@pytest.mark.parametrize("kind", ["onnx", compiled])
def test_4_bits_lose_more_and_are_still_the_same_model(reference: Array, kind: str) -> None:
    eight = (logits_of(stepper_of(kind)) - reference).std()
    four = (logits_of(stepper_of(kind, 4)) - reference).std()
    assert eight < four < 0.5 * reference.std()


@needs_bytes
def test_a_second_thread_changes_no_bit() -> None:
    with ThreadPoolExecutor(1) as helper:
        together = logits_of(compiled_stepper(helper=helper))
        assert np.array_equal(together, logits_of(compiled_stepper()))


@needs_bytes
def test_a_second_thread_that_is_busy_is_not_waited_for() -> None:
    """The codec's frame stands before the step in its queue."""
    free = threading.Event()
    with ThreadPoolExecutor(1) as helper:
        under_way = helper.submit(free.wait)
        alone = logits_of(compiled_stepper(helper=helper), steps=3)
        assert not under_way.done()
        free.set()
    assert np.array_equal(alone, logits_of(compiled_stepper(), steps=3))


@needs_bytes
def test_processors_with_shorter_vectors_count_the_same() -> None:
    """The sums of bytes are whole numbers; only sums of shares come in another order."""
    short = logits_of(compiled_stepper(lanes=8), steps=15)
    long = logits_of(compiled_stepper(lanes=16), steps=15)
    assert np.abs(short - long).max() < 1e-4


@needs_bytes
def test_a_text_longer_than_the_window_is_heard(reference: Array) -> None:
    states = np.random.default_rng(2).standard_normal((CAPACITY + 9, G.width)).astype(np.float32)
    found = []
    for stepper in (torch_stepper(), compiled_stepper()):
        stepper.listen(0, [WeightedText(stepper.remember("long", states), 1.0)])
        found.append(stepper.step(np.full((ROWS, G.codebooks), 3), np.zeros(ROWS, np.int64), None)[0].copy())
    assert np.abs(found[0] - found[1]).std() < 0.03 * reference.std()


def texts() -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.standard_normal((4, G.width)).astype(np.float32) for _ in range(3)]


def test_caches_in_8_bits_change_little_beside_what_8_bit_weights_do(reference: Array) -> None:
    spans = measure(onnx_stepper(32), G, texts(), CAPACITY)
    assert spans.keys.shape == spans.values.shape == (G.layers, G.heads, G.head_width)
    small = onnx_stepper(32, spans=spans)
    caches = logits_of(small) - reference
    assert all(cache.dtype == np.int8 for kind in small.caches() for cache in kind)
    eight = logits_of(onnx_stepper(8)) - reference
    assert 0.0 < caches.std() < 0.75 * eight.std()


def test_spans_are_what_the_caches_reached() -> None:
    stepper = onnx_stepper(32)
    spans = measure(stepper, G, texts(), CAPACITY)
    keys, values = stepper.caches()
    assert np.array_equal(spans.keys[1], np.abs(keys[1]).max(axis=(0, 2)))
    assert np.array_equal(spans.values[0], np.abs(values[0]).max(axis=(0, 2)))


@pytest.mark.parametrize("kind", ["torch", "onnx", compiled])
def test_residuals_of_zero_are_no_residuals_to_the_bit(kind: str) -> None:
    steppers: list[Stepper] = [stepper_of(kind) for _ in "ab"]
    tokens = np.full((ROWS, G.codebooks), 3)
    positions = np.zeros(ROWS, np.int64)
    zero = np.zeros((G.shallow, G.width), np.float32)
    without, with_zero = steppers[0].step(tokens, positions, None), steppers[1].step(tokens, positions, zero)
    assert np.array_equal(without, with_zero)


@pytest.mark.parametrize(("bits", "bound"), [(8, 0.005), (4, 0.09)])
def test_quantization_is_within_a_step_of_its_block(bits: int, bound: float) -> None:
    weight = np.random.default_rng(0).standard_normal((6, 300)).astype(np.float32)
    codes, scales = quantize(weight, bits)
    blocks = -(-300 // BLOCK)
    assert codes.shape == (6, blocks, BLOCK * bits // 8) and scales.shape == (6, blocks)
    if bits == 4:
        codes = np.stack([codes & 15, codes >> 4], axis=-1).reshape(6, blocks, BLOCK)
    back = ((codes.astype(np.float32) - (1 << (bits - 1))) * scales[..., None]).reshape(6, -1)[:, :300]
    assert np.abs(back - weight).max() <= bound * np.abs(weight).max() + 1e-6


def test_a_conversion_is_made_once_and_again_when_it_is_damaged(tmp_path: Path) -> None:
    asked = []

    def decoder() -> dict[str, Array]:
        asked.append(1)
        return tiny_musicgen.arrays()

    def load(digest: str = "abc") -> OnnxStepper:
        return conversion.converted(tmp_path, digest, decoder, texts, G, ROWS, CAPACITY, bits=8, threads=1)

    first = logits_of(load())
    assert {path.suffix for path in tmp_path.iterdir()} == {".onnx", ".json", ".safetensors"}
    assert np.array_equal(logits_of(load()), first) and len(asked) == 1
    model = next(tmp_path.glob("*.onnx"))
    model.write_bytes(model.read_bytes()[:-100] + bytes(100))
    assert np.array_equal(logits_of(load()), first) and len(asked) == 2
    load("other weights")
    assert len(asked) == 3
    card = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert card["source"] == "other weights" and model.name in card["files"]
