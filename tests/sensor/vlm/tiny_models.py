"""Tiny random models of the three families, saved as a user would find them: weights, tokenizer, processor.

Nothing is downloaded. Texts are bytes, one token each, but for the families' special tokens and some words of
music.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    VideoLlama3Config,
    VideoLlama3ForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil
from transformers.models.video_llama_3.image_processing_pil_video_llama_3 import VideoLlama3ImageProcessorPil

FAMILIES = ("video_llama_3", "smolvlm", "qwen3_vl")

SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<image>",
    "<fake_token_around_image>",
    "<global-img>",
)
WORDS = (" soft", " piano", " slow", " strings")
LINE = (":", " soft", " piano", ",", " slow", " strings", "Ċ")
"""What a model that writes music says after a colon. Ċ is how a byte-level tokenizer spells a new line."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% for part in m['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXT = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 8192,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


def tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, specials, words."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={each: i for i, each in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(each, special=True, normalized=False) for each in SPECIALS])
    raw.add_tokens([AddedToken(each, normalized=False) for each in WORDS])
    made = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    made.chat_template = TEMPLATE
    return made


def build(family: str, folder: Path, seed: int = 0, writes_music: bool = False) -> Path:
    """A model of `family` in `folder`. With `writes_music` it continues every colon by `LINE`."""
    torch.manual_seed(seed)
    words = tokenizer()
    text: dict[str, Any] = {**_TEXT, "vocab_size": len(words)}
    image = words.convert_tokens_to_ids("<image>" if family == "smolvlm" else "<|image_pad|>")
    model: Any
    processor: Any
    if family == "smolvlm":
        vision: dict[str, Any] = {
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 32,
            "patch_size": 8,
        }
        config = SmolVLMConfig(
            text_config={"model_type": "llama", **text, "head_dim": 8},
            vision_config=vision,
            image_token_id=image,
            scale_factor=2,
        )
        model = SmolVLMForConditionalGeneration(config)
        processor = SmolVLMImageProcessorPil(
            size={"longest_edge": 64}, max_image_size={"longest_edge": 32}, do_image_splitting=True
        )
    elif family == "video_llama_3":
        vision = {
            "hidden_size": 16,
            "intermediate_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": 8,
        }
        model = VideoLlama3ForConditionalGeneration(
            VideoLlama3Config(
                text_config={"model_type": "qwen2", **text}, vision_config=vision, image_token_id=image
            )
        )
        processor = VideoLlama3ImageProcessorPil(
            patch_size=8, size={"shortest_edge": 16 * 16, "longest_edge": 48 * 48}
        )
    else:
        vision = {
            "hidden_size": 16,
            "intermediate_size": 24,
            "depth": 2,
            "num_heads": 2,
            "patch_size": 8,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
        }
        text = {**text, "head_dim": 8}
        text["rope_parameters"] = {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [2, 1, 1],
            "mrope_interleaved": True,
        }
        config = Qwen3VLConfig(text_config=text, vision_config=vision, image_token_id=image)
        model = Qwen3VLForConditionalGeneration(config)
        processor = Qwen2VLImageProcessorPil(
            patch_size=8, merge_size=2, size={"shortest_edge": 16 * 16, "longest_edge": 48 * 48}
        )
    with torch.no_grad():
        # The usual initialization is so narrow that everything looks alike.
        for name, each in model.named_parameters():
            if each.ndim > 1:
                each.normal_(0.0, 0.2 if "embed" in name else each.shape[-1] ** -0.5)
        if writes_music:
            _teach(model, [words.convert_tokens_to_ids(each) for each in LINE])
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _teach(model: Any, line: list[int]) -> None:
    """Each token of `line` brings the next: layers that hardly speak, a head that hears the last word."""
    for name, each in model.named_parameters():
        if "o_proj" in name or "down_proj" in name:
            each *= 0.02
    said = model.get_input_embeddings().weight
    model.lm_head.weight.zero_()
    for now, then in pairwise(line):
        model.lm_head.weight[then] = 10.0 * said[now]


def without_template(folder: Path) -> None:
    """Take the chat template away from a saved model."""
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config.pop("chat_template", None)
    path.write_text(json.dumps(config))
