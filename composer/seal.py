"""A composer's state with a checksum before it: what is not whole is refused before it is read."""

from __future__ import annotations

import hashlib

from composer.errors import ComposerError

_SIZE = 16


def seal(*parts: bytes) -> bytes:
    """The parts as one, sealed. In parts since a state is megabytes, and each copy of it is felt."""
    return b"".join((_sum(*parts), *parts))


def unseal(sealed: bytes) -> bytes:
    """What was sealed.

    Raises:
        ComposerError: it is not whole.
    """
    state = sealed[_SIZE:]
    if sealed[:_SIZE] != _sum(state):
        raise ComposerError("This is not a composer's state, or not a whole one: its checksum is wrong.")
    return state


def _sum(*parts: bytes) -> bytes:
    # Of those that may be trusted processors are fastest at this one.
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()[:_SIZE]
