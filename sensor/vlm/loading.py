"""Load a vision-language model from a folder: safetensors only, no code from the folder, no network."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sensor.errors import SensorError, WeightsError
from sensor.picture import Rgb
from sensor.vlm import source
from sensor.vlm.families import FAMILIES, Family, Seen

_SENTINEL = "NARRATIVE"


@dataclass(frozen=True)
class Vlm:
    """A frozen model ready to be asked. One caller at a time."""

    model: Any
    tokenizer: Any
    processor: Any
    """Of images only."""
    family: Family
    family_name: str
    head: str
    """What the chat template puts before a user's words..."""
    tail: str
    """...and between them and the answer."""
    device: torch.device
    dtype: torch.dtype

    @property
    def width(self) -> int:
        """Size of a hidden state."""
        return int(self.model.config.text_config.hidden_size)

    def tokens(self, text: str) -> list[int]:
        """Token ids of `text` as it stands."""
        return [int(each) for each in self.tokenizer(text, add_special_tokens=False)["input_ids"]]

    def encode(self, rgb: Rgb) -> Seen:
        """One picture (h, w, 3) uint8 through the vision tower. Raises ValueError when it is none."""
        inputs = self.family.prepare(self.processor, rgb)
        moved = {
            name: each.to(self.device, self.dtype) if each.is_floating_point() else each.to(self.device)
            for name, each in inputs.items()
        }
        with torch.inference_mode():
            return self.family.encode(self.model, moved)


def choose_device(name: str) -> torch.device:
    """The device `name` stands for. Raises `SensorError` when this machine has none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    device = torch.device(name)
    count = {
        "cuda": torch.cuda.device_count,
        "mps": lambda: int(torch.backends.mps.is_available()),
        "xpu": torch.xpu.device_count,
    }.get(device.type, lambda: 1)()
    if (device.index or 0) >= count:
        raise SensorError(f"no device {name} on this machine: torch {torch.__version__} sees {count}")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype `name` stands for on `device`."""
    if name != "auto":
        chosen: torch.dtype = getattr(torch, name)
        return chosen
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


def load(folder: Path, device: str = "auto", dtype: str = "auto") -> Vlm:
    """The model in `folder`. Seconds to minutes.

    Raises `WeightsError`, naming the file or folder, when weights are missing, truncated or do not fill the
    model, and `SensorError` when the device is not there.
    """
    from safetensors import SafetensorError
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer
    from transformers.utils import logging as chatter

    family_name = source.check(folder)
    family = FAMILIES[family_name]
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    ours: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=kind, use_safetensors=True, output_loading_info=True, **ours
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **ours)
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil", **ours)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        # transformers raises any of these for files that are truncated, of another shape, or not there.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WeightsError(folder, f"a model of the family {family_name} that loads", reason) from None
    # What a file does not hold is filled with chance and only warned of: a model of noise, to be refused.
    for what in ("missing_keys", "mismatched_keys"):
        if report[what]:
            some = ", ".join(str(each) for each in sorted(report[what], key=str)[:3])
            raise WeightsError(folder, "weights that fill the model", f"{what.replace('_', ' ')}: {some}")
    image = model.config.image_token_id
    if image not in tokenizer.added_tokens_decoder:
        found = repr(tokenizer.convert_ids_to_tokens(image)) if image < len(tokenizer) else "nothing"
        raise WeightsError(folder / "tokenizer.json", f"a placeholder for pictures as token {image}", found)
    model.to(place).eval().requires_grad_(False)
    head, tail = chat_frame(tokenizer, folder)
    return Vlm(model, tokenizer, processor, family, family_name, head, tail, place, kind)


def chat_frame(tokenizer: Any, folder: Path) -> tuple[str, str]:
    """What the folder's chat template writes before a user's words and after them, up to the answer.

    Without a template: the token a text begins with, and a new line.
    """
    from jinja2 import TemplateError

    template = tokenizer.chat_template or _template_file(folder)
    contents: list[Any] = [[{"type": "text", "text": _SENTINEL}], _SENTINEL]
    for content in contents if template else []:
        try:
            text = tokenizer.apply_chat_template(
                [{"role": "user", "content": content}],
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
            )
        except (TemplateError, TypeError, ValueError):
            continue
        head, found, tail = str(text).partition(_SENTINEL)
        # A template for plain strings prints a list as Python would: not that one.
        if found and "'" not in head[-12:]:
            return head, tail
    return tokenizer.bos_token or "", "\n"


def _template_file(folder: Path) -> str | None:
    """A template kept where only whole processors look for it."""
    jinja, old = folder / "chat_template.jinja", folder / "chat_template.json"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8")
    if old.is_file():
        try:
            found = json.loads(old.read_text(encoding="utf-8")).get("chat_template")
        except (ValueError, AttributeError):
            return None
        return found if isinstance(found, str) else None
    return None
