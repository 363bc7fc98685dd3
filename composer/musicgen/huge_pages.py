"""Weights in pages of 2 MB: a frame reads them all, and in pages of 4 KB each costs a look-up.

Linux with transparent huge pages on `madvise` gives them only to who asks, and the libraries that hold the
weights do not. Elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PAGE = 2 << 20
_AT_LEAST = 16 << 20
"""Smaller regions hold no weights."""
# <asm-generic/mman-common.h>: wanted from now on; and collapse what is there at once (Linux 6.1).
_WANTED, _COLLAPSE = 14, 25
_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0 *(?:\[heap\])?$")


def regions(maps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Start and length, in whole pages of 2 MB, of the large private memory in lines of /proc/self/maps."""
    for line in maps:
        if (found := _REGION.match(line.rstrip())) is None:
            continue
        start, end = -(-int(found[1], 16) // PAGE) * PAGE, int(found[2], 16) // PAGE * PAGE
        if end - start >= _AT_LEAST:
            yield start, end - start


def ask() -> None:
    """For all that this process holds now. Takes a second or more a gigabyte; a refusal is no error."""
    if sys.platform != "linux":
        return
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for start, length in list(regions(Path("/proc/self/maps").read_text().splitlines())):
        if madvise(start, length, _WANTED) == 0:
            for page in range(start, start + length, PAGE):
                madvise(page, PAGE, _COLLAPSE)
