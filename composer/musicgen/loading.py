"""MusicGen's weights from a folder or the Hugging Face cache: safetensors only, no remote code, pinned.

Nothing is fetched unless `Options.download` says so. What is made of the weights (the ONNX graph, the
directions) is kept beside them with the hash of what it was made from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError

from composer.errors import WeightsError
from composer.musicgen.geometry import Geometry, Manner

log = logging.getLogger(__name__)

LICENCE = "CC-BY-NC 4.0 (MusicGen weights, Meta): the music may not be used commercially"
_WANTED = ("*.json", "*.safetensors", "*.model", "*.txt")
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(@[\w.-]+)?$")


@dataclass(frozen=True)
class Options:
    """Which MusicGen, and how it is played.

    `model` is a folder or a hub id, pinned as `id@commit`. `adapter` is a folder made by `narrascore train
    musicgen-adapter`. `threads` are a processor's; `bits` its weights'. `backend` "auto" is torch on a
    GPU, else a step compiled for the processor, or an ONNX graph where that does not multiply bytes.
    """

    model: str
    download: bool = False
    backend: Literal["auto", "torch", "compiled", "onnx"] = "auto"
    bits: Literal[8, 4] = 8
    threads: int = 2
    manner: Manner = field(default_factory=Manner)
    adapter: Path | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Weights on this machine. `digest` is the SHA-256 over its weight files."""

    folder: Path
    name: str
    digest: str


def find(options: Options) -> Checkpoint:
    """The folder of the weights.

    Raises WeightsError, with what to do about it, when they are not here or not safetensors.
    """
    folder = Path(options.model)
    name = folder.name
    if not folder.is_dir():
        if not _HUB_ID.match(options.model):
            raise WeightsError(
                f"{options.model} is neither a folder nor a hub id such as facebook/musicgen-small."
            )
        folder, name = _from_hub(options), options.model
    files = sorted(folder.glob("*.safetensors"))
    if not (folder / "config.json").is_file() or not files:
        raise WeightsError(
            f"{folder} holds no MusicGen: config.json and *.safetensors were expected (no pickles)."
        )
    return Checkpoint(folder, name, _digest(files))


def _from_hub(options: Options) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name, _, revision = options.model.partition("@")
    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision or None,
                local_files_only=not options.download,
                allow_patterns=list(_WANTED),
            )
        )
    except LocalEntryNotFoundError as error:
        advice = "check the network" if options.download else "add --musicgen-download, or give a folder"
        raise WeightsError(f"{options.model} is not on this machine: {advice}.") from error
    except (HfHubHTTPError, OSError) as error:
        raise WeightsError(f"{options.model} cannot be fetched: {error}") from error
    if not revision:
        log.warning("%s is at revision %s: pin it with %s@%s", name, folder.name, name, folder.name)
    return folder


def _digest(files: list[Path]) -> str:
    whole = hashlib.sha256()
    for file in files:
        blob = file.resolve().name
        # The hub's cache names a large file by its SHA-256 and has checked it.
        known = blob if file.is_symlink() and re.fullmatch(r"[0-9a-f]{64}", blob) else None
        whole.update(f"{file.name} {known or sha256(file)}\n".encode())
    return whole.hexdigest()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kept_beside(checkpoint: Checkpoint) -> Path:
    """Where to keep what is made of these weights: beside them, or in the user's cache if that cannot be."""
    beside = checkpoint.folder / "narrascore"
    try:
        beside.mkdir(exist_ok=True)
        (beside / ".writable").touch()
    except OSError:
        beside = Path.home() / ".cache" / "narrascore" / checkpoint.digest[:16]
        beside.mkdir(parents=True, exist_ok=True)
    return beside


def load_model(checkpoint: Checkpoint) -> Any:
    """The MusicgenForConditionalGeneration, float32, on the processor, frozen.

    Raises WeightsError when it is another model, or one this version cannot play.
    """
    try:
        import torch
        from transformers import AutoConfig, MusicgenForConditionalGeneration
    except ImportError as error:
        raise WeightsError(
            f"{error.name} is missing: install the extra with pip install 'narrascore-live[musicgen]'"
        ) from error
    try:
        config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{checkpoint.folder / 'config.json'} cannot be read: {error}") from error
    if config.model_type != "musicgen":
        raise WeightsError(f"{checkpoint.name} is a {config.model_type}, not a MusicGen.")
    if config.decoder.audio_channels != 1 or config.decoder.activation_function != "gelu":
        raise WeightsError(f"{checkpoint.name} is a stereo or unusual MusicGen; the mono ones can be played.")
    log.info("reading %s", checkpoint.name)
    try:
        model, report = MusicgenForConditionalGeneration.from_pretrained(
            checkpoint.folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{checkpoint.folder} cannot be read as a MusicGen: {error}") from error
    # What a file does not hold is filled with random numbers and a warning.
    if lacking := sorted(report["missing_keys"]):
        raise WeightsError(f"{checkpoint.folder} lacks {len(lacking)} weights, {lacking[0]} among them.")
    return model.eval().requires_grad_(False)


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The text encoder's tokenizer. Raises WeightsError when it is missing."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            checkpoint.folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise WeightsError(f"{checkpoint.folder} holds no usable tokenizer: {error}") from error


def geometry_of(model: Any) -> Geometry:
    config = model.decoder.config
    return Geometry(
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        feed_forward=config.ffn_dim,
        codebooks=config.num_codebooks,
        vocabulary=config.vocab_size,
    )


def decoder_arrays(model: Any) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """The decoder's weights as float32 arrays that share the model's memory."""
    return {name: value.float().numpy() for name, value in model.decoder.state_dict().items()}


def read_card(path: Path) -> dict[str, Any] | None:
    """A card written by `write_card`, or None where there is none that can be read."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) else None


def write_card(path: Path, card: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
