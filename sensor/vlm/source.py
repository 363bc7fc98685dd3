"""Where a vision-language model comes from: a folder, or a hub id at a pinned commit. Nothing is loaded here.

Everything that can be known to be wrong without loading weights is said here, in one line, before a service
starts: no such folder, another family, weights that are not safetensors. No network unless asked for.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensor.errors import SensorError, WeightsError

FAMILIES = ("video_llama_3", "smolvlm", "qwen3_vl")
DTYPES = ("auto", "float32", "float16", "bfloat16")
CONFIG_FILE = "config.json"
IMAGE_FILES = ("preprocessor_config.json", "processor_config.json")

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:\d+)?")
_WANTED = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
"""What is fetched of a repository: never code, never pickled weights."""
_SAMPLES, _SAMPLE_BYTES = 16, 65_536


@dataclass(frozen=True)
class Source:
    """A model as the user names it."""

    name: str
    """A local folder, or a hub id `owner/model`."""
    revision: str = ""
    """The commit of a hub id, 40 hexadecimal digits; nothing for a folder."""
    device: str = "auto"
    """`auto` (a GPU if there is one), `cpu`, `cuda`, `cuda:1`, `mps`."""
    dtype: str = "auto"
    """`auto` (half precision on a GPU, single on a CPU) or one of `DTYPES`."""
    download: bool = False
    """Whether a hub id that is not on this machine may be fetched."""


def locate(source: Source) -> Path:
    """The folder of the model, checked as far as that goes without loading it.

    Raises `SensorError` for an option that cannot be, or when the extra is not installed, and `WeightsError`
    when the model is not there or is not one of `FAMILIES` in safetensors.
    """
    if not _DEVICE.fullmatch(source.device):
        raise SensorError(f"no device {source.device!r}: choose auto, cpu, cuda, cuda:N or mps")
    if source.dtype not in DTYPES:
        raise SensorError(f"no dtype {source.dtype!r}: choose one of {', '.join(DTYPES)}")
    if importlib.util.find_spec("transformers") is None:
        raise SensorError("a vision-language model needs transformers: pip install 'narrascore-live[vlm]'")
    folder = Path(source.name).expanduser()
    if folder.is_dir():
        if source.revision:
            raise SensorError(f"{folder} is a folder: a revision belongs to a hub id")
    elif _HUB_ID.fullmatch(source.name):
        folder = _cached(source)
    else:
        raise WeightsError(folder, "a folder with a model, or a hub id owner/model", "neither")
    check(folder)
    return folder


def check(folder: Path) -> str:
    """The family of the model in `folder`. Raises `WeightsError` when it cannot be used."""
    config = read_json(folder / CONFIG_FILE, "a model's configuration")
    family = config.get("model_type")
    if family not in FAMILIES:
        raise WeightsError(folder / CONFIG_FILE, f'"model_type" {", ".join(FAMILIES)}', repr(family))
    if not weight_files(folder):
        kinds = sorted({each.suffix for each in folder.iterdir() if each.is_file()})
        raise WeightsError(folder, "weights in *.safetensors", f"none (files: {' '.join(kinds)})")
    if not (folder / "tokenizer.json").is_file() and not (folder / "tokenizer_config.json").is_file():
        raise WeightsError(folder, "a tokenizer.json", "none")
    if not any((folder / name).is_file() for name in IMAGE_FILES):
        raise WeightsError(folder, f"one of {', '.join(IMAGE_FILES)}", "none")
    return str(family)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of a model folder, by name."""
    return sorted(each for each in folder.glob("*.safetensors") if each.is_file())


def read_json(path: Path, expected: str) -> dict[str, Any]:
    """The JSON object in `path`. Raises `WeightsError`."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsError(path, expected, f"no readable file ({error.strerror})") from None
    except ValueError as error:
        raise WeightsError(path, expected, f"no JSON ({error})") from None
    if not isinstance(found, dict):
        raise WeightsError(path, f"{expected}, a JSON object", type(found).__name__)
    return found


def fingerprint(folder: Path) -> str:
    """What a probe remembers of the model it was trained on: SHA-256 of configuration and sampled weights.

    Of each weight file: name, size, and 64 KiB at 16 places. Hashing gigabytes would take longer than
    loading them, and a fine-tuned copy differs everywhere.
    """
    digest = hashlib.sha256((folder / CONFIG_FILE).read_bytes())
    for path in weight_files(folder):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as file:
            for place in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * place // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def _cached(source: Source) -> Path:
    """The folder of a hub id in the hub's own cache, fetched if that is allowed."""
    if not _COMMIT.fullmatch(source.revision):
        raise SensorError(
            f"{source.name} is a hub id: pin it with its commit, 40 hexadecimal digits "
            f"(git ls-remote https://huggingface.co/{source.name} HEAD), or name a local folder"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source.name,
                revision=source.revision,
                allow_patterns=_WANTED,
                local_files_only=not source.download,
            )
        )
    except LocalEntryNotFoundError:
        way = "the hub cannot be reached" if source.download else "let it be fetched once (--vlm-download)"
        raise SensorError(
            f"{source.name} at {source.revision[:12]} is not on this machine: {way}, or name a local folder"
        ) from None
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SensorError(f"{source.name} at {source.revision[:12]} cannot be fetched: {reason}") from None
