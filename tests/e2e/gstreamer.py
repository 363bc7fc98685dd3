"""Finds GStreamer on this machine: a Python that has its bindings, and the elements a WebRTC peer needs."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest

PEER = Path(__file__).with_name("gstreamer_peer.py")
ELEMENTS = ("webrtcbin", "nicesrc", "dtlsenc", "srtpenc", "x264enc", "vp8enc", "rtpvp8pay", "opusdec")
GET_IT = (
    "apt-get install gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-nice python3-gst-1.0 "
    "gir1.2-gst-plugins-bad-1.0 (Debian 12) brings it"
)
LOOK = f"""
import gi
for library in ("Gst", "GstSdp", "GstWebRTC"):
    gi.require_version(library, "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
missing = [name for name in {ELEMENTS!r} if Gst.ElementFactory.find(name) is None]
raise SystemExit(", ".join(missing) or 0)
"""


@functools.cache
def _look() -> tuple[str, str]:
    """The command of a Python with GStreamer, and what is missing when there is none."""
    missing = "no Python here has GStreamer's bindings"
    for python in ("/usr/bin/python3", shutil.which("python3")):
        if python is None or not Path(python).exists():
            continue
        found = subprocess.run([python, "-c", LOOK], capture_output=True, text=True, timeout=60)
        if found.returncode == 0:
            return python, ""
        if "Traceback" not in found.stderr:
            missing = f"GStreamer has no {found.stderr.strip()}"
    return "", missing


def gstreamer_peer() -> tuple[str, str]:
    """The command that `gstreamer_peer.py`'s arguments follow; skips the test where there is no GStreamer."""
    python, missing = _look()
    if missing:
        pytest.skip(f"no GStreamer: {missing}: {GET_IT}")
    return python, str(PEER)
