"""Composers forked from a warm process: they share its pages, and its end ends nothing but itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stream.cli.music import WARM_ANCHOR

ROOT = Path(__file__).parents[3]

# In a process of its own: what composers are forked from is begun once a process, with what it is told first.
SCRIPT = """
import json, os, signal, time
from multiprocessing import forkserver
from pathlib import Path

def own_kib(pid):
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))

def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

def ready(process):
    end = time.monotonic() + 60.0
    while not isinstance(process.hear(), Ready):
        assert time.monotonic() < end
        time.sleep(0.01)
    return process

if __name__ == "__main__":
    from stream.cli.telling import create
    from stream.composing.messages import Ready
    from stream.composing.process import ComposerProcess

    modules = ("stream.cli.__main__", "stream.cli.warm")
    first, second = ready(ComposerProcess(create, modules)), ready(ComposerProcess(create, modules))
    told = {"own_mib": own_kib(second.pid) / 1024}
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    end = time.monotonic() + 20.0
    while first.alive and time.monotonic() < end:
        time.sleep(0.01)
    told["lost"] = not first.alive
    for _ in range(100):
        try:
            third = ready(ComposerProcess(create, modules))
            break
        except OSError:
            time.sleep(0.1)
    told["again"] = third.alive
    pids = [each.pid for each in (first, second, third)]
    for each in (first, second, third):
        each.end(1.0)
    end = time.monotonic() + 20.0
    while any(map(runs, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    told["left"] = [pid for pid in pids if runs(pid)]
    print(json.dumps(told))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere composers are spawned")
def test_composers_share_what_is_warm_and_outlive_nobody(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True, text=True, timeout=240, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    # Spawned, 35 MiB are its own: 13 of them weights.
    assert told["own_mib"] < 20
    assert told["lost"], "its end is not known once nobody waits for it: it counts as lost, and is replaced"
    assert told["again"]
    assert told["left"] == []


STOCKED = """
import os
import stream.cli.warm
from composer import bank
from pathlib import Path
from stream.cli.telling import create

def own_kib():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))

stocked = sum(held[0].data.nbytes for held in bank._stock.values()) / 2**20
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    composer = create()
    composer.prime("folk", 7)
    composer.render(48_000)
    print(stocked, own_kib() / 1024, set(composer._synth._bank._zones) == set(bank._stock), flush=True)
    # As composer processes end: ONNX Runtime's own end waits for threads that were not forked.
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere composers are spawned")
def test_a_composer_of_the_style_that_sessions_begin_with_makes_no_instrument() -> None:
    env = {"PYTHONPATH": str(ROOT), "PATH": "", WARM_ANCHOR: "fast folk"}
    done = subprocess.run(
        [sys.executable, "-c", STOCKED], cwd=ROOT, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    stocked, own, shared = done.stdout.split()
    assert float(stocked) > 40 and shared == "True"
    # One rack is 25 MiB of it. Made by itself, the instruments would be as much again as is in stock.
    assert float(own) < 60
