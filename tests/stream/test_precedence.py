from __future__ import annotations

import sys
import threading

from stream.precedence import put_music_first, quick_handover


def test_the_handover_is_quick_while_it_lasts() -> None:
    before = sys.getswitchinterval()
    with quick_handover():
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before


def test_priority_without_the_right_to_it_is_no_error() -> None:
    done = threading.Event()

    def work() -> None:
        put_music_first()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done.is_set()
