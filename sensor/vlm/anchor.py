"""The anchor written by the model (3.4): four fields about the music, filled in one by one, then checked.

The form is not asked for but given: each label is fed to the model, which only continues the line. So there
is nothing to parse, whatever the model is like; what it put into the form is still checked before it is
believed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import torch

from sensor.vlm.loading import Vlm
from sensor.vlm.narrative import Narrative
from sensor.vlm.prompt import DESCRIBE, FIELDS

MOST_TOKENS = 24
"""Of one field."""
MOST_CHARACTERS = 120
_MARKUP = re.compile(r"[*_#`\"“”<>\[\]{}|]+")
_WORD = re.compile(r"[^\W\d_]{3,}")


class Schema(NamedTuple):
    """The four fields, in the paper's order."""

    genre: str
    instrumentation: str
    atmosphere: str
    pacing: str

    def text(self) -> str:
        """As one line: what a composer is given as its anchor."""
        return "; ".join(self)


class NoAnchor(ValueError):
    """What the model wrote is no anchor; the message says why."""


def write(vlm: Vlm, narrative: Narrative) -> Schema:
    """Describe the music for the frames seen so far. Greedy, so the same frames give the same anchor.

    Takes up to four times 24 steps of the model. Raises `NoAnchor`.
    """
    added = vlm.tokenizer.added_tokens_decoder.items()
    special = {vlm.model.config.image_token_id, *(token for token, each in added if each.special)}
    banned = torch.tensor(sorted(special), dtype=torch.long)
    # Some tokenizers put a token of their own before a line's end: the last one is the end itself.
    ends = {vlm.tokenizer.eos_token_id, vlm.tokens("\n")[-1]}
    found = []
    with narrative.branch() as branch:
        feed = vlm.tokens(f"\n{DESCRIBE}{vlm.tail}")
        for label in FIELDS:
            line: list[int] = []
            logits = branch.feed([*feed, *vlm.tokens(f"{label}:")])
            while len(line) < MOST_TOKENS:
                if not bool(torch.isfinite(logits).any()):
                    raise NoAnchor("its numbers are not finite")
                token = int(logits.argmax())
                if token in ends:
                    break
                token = int(logits.index_fill(0, banned, -torch.inf).argmax())
                if "\n" in vlm.tokenizer.decode([token]):
                    break
                line.append(token)
                logits = branch.feed([token])
            found.append(str(vlm.tokenizer.decode(line)))
            feed = vlm.tokens("\n")
    return validate(*found)


def validate(genre: str, instrumentation: str, atmosphere: str, pacing: str) -> Schema:
    """The four fields, tidied. Raises `NoAnchor` when one says nothing that could be words about music."""
    return Schema(*map(_tidy, FIELDS, (genre, instrumentation, atmosphere, pacing)))


def _tidy(label: str, said: str) -> str:
    said = " ".join(_MARKUP.sub(" ", said).split()).strip(" .,;:-")
    said = re.sub(rf"^{label}\s*:\s*", "", said, flags=re.IGNORECASE)
    # A semicolon parts the fields.
    said = said.replace(";", ",")
    if len(said) > MOST_CHARACTERS:
        said = said[:MOST_CHARACTERS].rpartition(" ")[0].strip(" .,:-")
    parts = dict.fromkeys(part.strip() for part in said.split(",") if part.strip())
    said = ", ".join(parts)
    words = _WORD.findall(said)
    if not words:
        raise NoAnchor(f"no words under {label}")
    letters = sum(each.isalpha() or each in " ,-'" for each in said)
    if letters < 0.8 * len(said) or "\ufffd" in said:
        raise NoAnchor(f"no words one can read under {label}")
    if len(words) > 3 and len({word.lower() for word in words}) * 3 < len(words):
        raise NoAnchor(f"the same word over and over under {label}")
    return said
