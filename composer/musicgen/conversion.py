"""From a checkpoint to the processor's graph, once: kept beside the weights and checked by hash."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import onnx
from safetensors.numpy import load_file, save_file

from composer.musicgen.geometry import Geometry
from composer.musicgen.loading import read_card, sha256, write_card
from composer.musicgen.onnx_graph import graph
from composer.musicgen.onnx_stepper import OnnxStepper
from composer.musicgen.spans import Spans, TextStates, measure
from composer.musicgen.stepper import Array, Arrays, host_weights

log = logging.getLogger(__name__)

_VERSION = 3


def converted(
    folder: Path,
    digest: str,
    decoder: Callable[[], Arrays],
    texts: TextStates,
    geometry: Geometry,
    rows: int,
    capacity: int,
    bits: int,
    threads: int,
) -> OnnxStepper:
    """A stepper on the graph in `folder`, written now if it is missing, damaged or made from other weights.

    `digest` names the weights `decoder()` would hand out; under `texts()` the caches' spans are measured.
    """
    stem = f"step-{bits}bit-{rows}x{capacity}"
    model, card = folder / f"{stem}.onnx", folder / f"{stem}.json"
    host = folder / "host.safetensors"
    wanted = {"version": _VERSION, "source": digest, "geometry": asdict(geometry), "bits": bits}
    found = read_card(card)
    whole = (
        found is not None
        and all(found.get(key) == value for key, value in wanted.items())
        and {model.name, host.name} <= found.get("files", {}).keys()
        and all(
            (folder / name).is_file() and sha256(folder / name) == hash_
            for name, hash_ in found["files"].items()
        )
    )
    if not whole:
        log.warning("writing the processor's graph to %s: a minute, once", model)
        _write(model, host, decoder(), texts(), geometry, rows, capacity, bits)
        made = [path for path in (model, host, model.with_suffix(".weights")) if path.is_file()]
        files = {path.name: sha256(path) for path in made}
        write_card(card, {**wanted, "files": files})
    return OnnxStepper(model, load_file(host), geometry, rows, capacity, threads)


def _write(
    model: Path,
    host: Path,
    decoder: Arrays,
    texts: Sequence[Array],
    geometry: Geometry,
    rows: int,
    capacity: int,
    bits: int,
) -> None:
    host_arrays = host_weights(decoder, geometry)

    def save(path: Path, spans: Spans | None) -> None:
        made = graph(decoder, geometry, rows, capacity, bits, exact=False, spans=spans)
        part, weights = path.with_suffix(".part"), path.with_suffix(".weights")
        weights.unlink(missing_ok=True)
        # Large weights do not fit one protobuf message: a file of their own, which the graph names.
        large = made.ByteSize() > 1 << 30
        onnx.save(made, part, save_as_external_data=large, location=weights.name)
        part.replace(path)

    rough = model.with_name(f"rough-{model.name}")
    try:
        save(rough, None)
        stepper = OnnxStepper(rough, host_arrays, geometry, rows, capacity, threads=2)
        spans = measure(stepper, geometry, texts, capacity)
    finally:
        for path in (rough, rough.with_suffix(".weights"), rough.with_suffix(".part")):
            path.unlink(missing_ok=True)
    save(model, spans)
    save_file(host_arrays, host)
