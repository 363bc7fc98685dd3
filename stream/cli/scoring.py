"""The work behind `narrascore score`: a video gets its music, by the same pipeline that plays live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from composer.affect_curve import AffectCurve, Point
from composer.limiter import LATENCY_SAMPLES, Limiter
from composer.offline import Player, compose
from composer.score import SAMPLE_RATE_HZ
from sensor.live import Eye
from sensor.sense import Row, sense
from stream.outputs import check_place, whole
from stream.ports import Block
from stream.sound.mixing import HOP_SAMPLES, Ducker, mixed
from stream.sound.original_sound import original_sound
from stream.sound.soundtrack import Clip, SoundtrackError, check_holds, check_target, look, replace_sound

BLOCK_SAMPLES = 10 * HOP_SAMPLES

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1."""


class Order(NamedTuple):
    """What is wanted. `keep_audio` mixes the music, changed by `music_db`, with the video's own sound;
    `duck` also turns it down under speech."""

    video: Path
    target: Path
    anchor: str
    seed: int
    reactivity: str
    keep_audio: bool
    duck: bool
    music_db: float
    fade_s: float


def check(order: Order, force: bool) -> Clip:
    """Whether it can be done, before an hour of work.

    Raises:
        SoundtrackError: the video cannot be read, or nothing of the target's name can hold its picture.
        OutputError: the target exists, and `force` is not given; or nothing can be written there.
    """
    clip = look(order.video)
    check_target(order.target)
    if order.target.exists() and order.target.samefile(order.video):
        raise SoundtrackError(f"{order.target} is the video itself: write to another file.")
    check_place(order.target, force)
    check_holds(order.video, order.target)
    return clip


def sensed_curve(video: Path, eye: Eye, reactivity: str, progress: Progress) -> AffectCurve:
    """What a live session would have steered by, eight times a second, and its cuts.

    Raises:
        SensorError: the video cannot be read.
    """
    rows = sense([video], eye, reactivity, None, progress)[0].rows
    return curve_of(rows)


def curve_of(rows: list[Row]) -> AffectCurve:
    """Rows whose time does not go on (a damaged file's) are left out."""
    points: list[Point] = []
    cuts: list[float] = []
    for row in rows:
        if points and row.t_s <= points[-1].t_s:
            continue
        points.append(Point(row.t_s, row.valence, row.arousal))
        if row.cut:
            cuts.append(row.t_s)
    return AffectCurve(tuple(points), tuple(cuts))


def write_scored(
    order: Order, clip: Clip, curve: AffectCurve, progress: Progress, player: Player | None = None
) -> None:
    """Compose for `curve` and write the target, or nothing.

    Raises:
        ComposerError: the anchor or the weights cannot be used.
        SoundtrackError, OSError: the file cannot be written.
    """
    samples = round(clip.length_s * SAMPLE_RATE_HZ)
    parts = compose(order.anchor, order.seed, curve, samples, fade_s=order.fade_s, player=player)

    def music() -> Iterator[Block]:
        done = 0
        for part in parts:
            yield part.pcm
            done += len(part.pcm)
            progress(done / samples)

    sound: Iterator[Block] = music()
    if order.keep_audio and clip.has_sound:
        own = original_sound(order.video, clip.start_s, samples, BLOCK_SAMPLES)
        duck = Ducker() if order.duck else None
        sound = mixed(sound, own, order.music_db, duck, Limiter().process, LATENCY_SAMPLES)
    with closing(parts), whole(order.target) as part_path:
        replace_sound(order.video, part_path, sound)
