"""Which memory is asked to lie in large pages."""

from __future__ import annotations

from composer.musicgen.huge_pages import PAGE, regions

MAPS = """\
55eab9119000-55ead7660000 rw-p 00000000 00:00 0                          [heap]
7f1f00000000-7f1f00800000 rw-p 00000000 00:00 0
7f1f54662000-7f1f789ff000 rw-p 00000000 00:00 0
7f1f792e9000-7f1f7ceb5000 r-xp 000e9000 fe:00 5382403                    /usr/lib/libthing.so
7f2000000000-7f2010000000 rw-s 00000000 00:01 77                         /dev/shm/ring
7ffd00000000-7ffd10000000 rw-p 00000000 00:00 0                          [stack]
"""


def test_the_large_private_regions_in_whole_pages() -> None:
    found = list(regions(MAPS.splitlines()))
    assert [start for start, _ in found] == [0x55EAB9200000, 0x7F1F54800000]
    assert all(start % PAGE == 0 and length % PAGE == 0 for start, length in found)
    assert [start + length for start, length in found] == [0x55EAD7600000, 0x7F1F78800000]
