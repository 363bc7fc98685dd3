"""Publish a video file to a running service, as a camera would: `python examples/publish_clip.py clip.mp4`.

Start the service first (`narrascore serve`), then open its source page to hear the music.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from stream.beside.clips import decoded, in_turn
from stream.webrtc.loopback import publishing

FPS = 25


async def publish(url: str, clip: Path) -> None:
    pictures = decoded(clip, width=640, height=360)
    frames = (shot.frame for shot in in_turn([pictures], len(pictures)))
    async with publishing(url, frames, fps=FPS, codec="H264"):
        print(f"{clip} plays in a loop; Ctrl-C ends it")
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(publish(sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8080", Path(sys.argv[1])))
