"""Hear a running service from another program: `python examples/pcm_client.py [seconds] [out.wav] [address]`.

Needs only the `websockets` package. Without a file name it prints how loud the music is. A service that asks
for a token gets the one in the environment variable NARRASCORE_TOKEN: the full one, or the one for listening.
"""

from __future__ import annotations

import array
import json
import math
import os
import sys
import wave

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

URL = "ws://127.0.0.1:8080/pcm/live"


def listen(url: str, seconds: float, path: str = "", token: str = "") -> None:
    with connect(url, additional_headers={"Authorization": f"Bearer {token}"} if token else None) as socket:
        form = json.loads(socket.recv())
        pcm = bytearray()
        while len(pcm) < seconds * form["rate_hz"] * form["channels"] * 2:
            message = socket.recv()
            if isinstance(message, str):  # {"type": "dropped", "blocks": n}: we were too slow
                print(message)
                continue
            pcm += message
            level = math.sqrt(sum(x * x for x in array.array("h", message)) / (len(message) / 2)) / 32768
            print(f"\r{20 * math.log10(level + 1e-6):6.1f} dB", end="")
    if path:
        with wave.open(path, "wb") as out:
            out.setparams((form["channels"], 2, form["rate_hz"], 0, "NONE", ""))
            out.writeframes(pcm)


if __name__ == "__main__":
    seconds, path, url = (sys.argv[1:] + ["10", "", URL][len(sys.argv) - 1 :])[:3]
    try:
        listen(url, float(seconds), path, os.environ.get("NARRASCORE_TOKEN", ""))
    except (OSError, WebSocketException) as error:  # not running, or it wants a token: the reason says which
        sys.exit(f"{url}: {error}")
