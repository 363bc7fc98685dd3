"""The presets: eight styles, each one frozen record of everything the anchor holds fixed.

A preset says what plays (orchestration), how it swings (groove), how fast it may go (tempo range), what the
token model is primed with (style) and how it is mixed. It knows neither torch nor SignalFlow. Affect moves
within these bounds and never changes them.

    preset = PRESETS["lofi"]
    preset.bpm(arousal=0.0)        # quarters per minute
    preset.parts                   # which instruments play which role, and above which arousal

An instrument in a `Strike` is written `patch@section`, such as `felt_piano@lead`: a patch of
`composer.instruments` or `composer.drumkit` and the mixer section it plays into (`SECTIONS`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from composer.score import BASS, LEAD, MIDDLE, UPPER

Section = Literal["lead", "harmony", "bass", "drums"]
SECTIONS: tuple[Section, ...] = ("lead", "harmony", "bass", "drums")

Figure = Literal["played", "pad", "arp", "strum", "pulse", "walk"]
"""What a part makes of its notes: as they are; held chords; chords broken or struck off the downbeat; a bass
repeated or walking."""


@dataclass(frozen=True)
class Part:
    """One instrument of the orchestration.

    It plays the notes of `role` shifted by `shift` semitones, while arousal is at least `above` (a layer
    enters and leaves at bar lines only) and valence lies in [`valence_from`, `valence_to`].
    """

    role: int
    patch: str
    section: Section
    gain_db: float = 0.0
    shift: int = 0
    above: float = -1.0
    below: float = 1.0
    figure: Figure = "played"
    valence_from: float = -1.0
    valence_to: float = 1.0


@dataclass(frozen=True)
class Style:
    """What the token model is primed with; the generator maps these to embeddings."""

    ensemble: Literal["lied", "quartet"]
    density: int
    """0 sparse .. 3 busy."""
    polyphony: int
    """0 thin .. 2 full chords."""
    triplets: int
    """1 where eighth triplets are the norm."""
    idiom: str = "song"
    """Its chords: a name of `composer.idioms.IDIOMS`."""
    temperature: float = 0.95
    """Sampling temperature hint: lower keeps closer to the likely."""
    top_p: float = 0.95


@dataclass(frozen=True)
class Groove:
    """The drums: a family of patterns (`composer.groove`), or `none`."""

    family: str = "none"
    swing: float = 0.0
    """0 straight .. 1 triplet swing."""
    swing_unit: int = 6
    """Grid steps of the swung note: 6 eighths, 3 sixteenths."""
    enters_above: float = -0.55
    """Arousal under which the drums rest."""
    gain_db: float = 0.0
    accent: tuple[str, ...] = ("boom",)
    """Patches struck when a cut asks for an accent."""


@dataclass(frozen=True)
class Mix:
    """How it is mixed at affect (0, 0)."""

    trim_db: float
    """Makes the preset about -20 LUFS at (0, 0), as docs/gallery measures; the leveller does the rest."""
    cutoff_hz: float
    """Low-pass of the pitched sections."""
    reverb: float
    """Send level, 0 .. 1."""
    decay: float
    """Feedback of the reverb's delay network, 0 .. 0.95."""
    width: float = 1.0
    chorus: float = 0.0
    echo: float = 0.0
    """Echo send of the lead, 0 .. 1."""
    humanise_ms: float = 6.0


@dataclass(frozen=True)
class Preset:
    """One style. `bar_steps` counts on the grid of 12 a quarter: 48 is 4/4, 36 is 3/4 or 6/8."""

    name: str
    genre: str
    instrumentation: str
    atmosphere: str
    pacing: str
    tempo_bpm: tuple[float, float]
    """Quarters per minute at arousal -1 and +1."""
    bar_steps: int
    compound: bool
    style: Style
    parts: tuple[Part, ...]
    groove: Groove
    mix: Mix
    drone: str = ""
    """Patch of a low tonic held under negative valence, or empty."""

    def bpm(self, arousal: float) -> float:
        """Tempo in quarters per minute: geometric between the ends, so that equal steps feel equal."""
        low, high = self.tempo_bpm
        return float(low * (high / low) ** ((arousal + 1.0) / 2.0))


AMBIENT = Preset(
    name="ambient",
    genre="ambient, slow electronic textures",
    instrumentation="warm pads, air, glass bells, sub bass",
    atmosphere="calm, spacious, weightless",
    pacing="very slow, no beat",
    tempo_bpm=(50.0, 84.0),
    bar_steps=48,
    compound=False,
    style=Style("quartet", density=0, polyphony=1, triplets=0, idiom="drift", temperature=0.9),
    parts=(
        Part(LEAD, "glass_bell", "lead", gain_db=-5.0),
        Part(LEAD, "kalimba", "lead", gain_db=-5.0, above=0.15),
        Part(UPPER, "air_pad", "harmony", figure="pad"),
        Part(UPPER, "glass_bell", "lead", gain_db=-8.0, shift=12, above=0.35, valence_from=0.1),
        Part(UPPER, "choir", "harmony", gain_db=-4.0, above=0.5, figure="pad"),
        Part(MIDDLE, "warm_pad", "harmony", gain_db=-2.0, figure="pad"),
        Part(MIDDLE, "kalimba", "lead", gain_db=-10.0, above=0.3),
        Part(BASS, "sub_bass", "bass", gain_db=-3.0, figure="pad"),
    ),
    groove=Groove(accent=("boom", "swell")),
    mix=Mix(trim_db=-3.3, cutoff_hz=3200.0, reverb=0.6, decay=0.9, width=1.2, chorus=0.3, echo=0.35),
    drone="warm_pad",
)

NEOCLASSICAL = Preset(
    name="neoclassical",
    genre="neoclassical, solo piano with chamber strings",
    instrumentation="felt piano, string ensemble, cello",
    atmosphere="intimate, wistful, close",
    pacing="unhurried, flowing",
    tempo_bpm=(54.0, 94.0),
    bar_steps=48,
    compound=False,
    style=Style("lied", density=1, polyphony=1, triplets=0),
    parts=(
        Part(LEAD, "felt_piano", "lead"),
        Part(LEAD, "violin", "lead", gain_db=-7.0, above=0.45),
        Part(UPPER, "felt_piano", "harmony", gain_db=-1.5),
        # A slow bar outlasts a piano's string: something has to hold it.
        Part(UPPER, "strings", "harmony", gain_db=-9.0, figure="pad"),
        Part(MIDDLE, "strings", "harmony", gain_db=-7.0, above=0.1, figure="pad"),
        Part(MIDDLE, "felt_piano", "harmony", gain_db=-2.5, figure="arp"),
        Part(BASS, "felt_piano", "bass", gain_db=-1.0),
        Part(BASS, "cello", "bass", gain_db=-6.0, above=-0.1, figure="pad"),
    ),
    groove=Groove(accent=("boom",)),
    mix=Mix(trim_db=-0.6, cutoff_hz=3000.0, reverb=0.44, decay=0.85, humanise_ms=9.0),
    drone="cello",
)

LOFI = Preset(
    name="lofi",
    genre="lo-fi hip hop",
    instrumentation="electric piano, vibraphone, soft bass, dusty drums",
    atmosphere="cozy, mellow, late night",
    pacing="laid back, swung sixteenths",
    tempo_bpm=(66.0, 90.0),
    bar_steps=48,
    compound=False,
    style=Style("lied", density=1, polyphony=2, triplets=0, idiom="haze"),
    parts=(
        Part(LEAD, "vibes", "lead", gain_db=-1.0),
        Part(LEAD, "soft_lead", "lead", gain_db=-9.0, above=0.4),
        Part(UPPER, "e_piano", "harmony"),
        Part(UPPER, "warm_pad", "harmony", gain_db=-8.0, figure="pad"),
        Part(MIDDLE, "e_piano", "harmony", gain_db=-1.0),
        Part(BASS, "round_bass", "bass", gain_db=-2.5),
    ),
    groove=Groove("lofi", swing=0.45, swing_unit=3, enters_above=-0.9, accent=("cymbal",)),
    mix=Mix(trim_db=-0.4, cutoff_hz=3200.0, reverb=0.2, decay=0.72, chorus=0.35, echo=0.1, humanise_ms=11.0),
    drone="sub_bass",
)

SYNTHWAVE = Preset(
    name="synthwave",
    genre="synthwave, retro electronic",
    instrumentation="analog lead, saw pads, arpeggiated plucks, pulsing bass, drum machine",
    atmosphere="neon, driving, nostalgic",
    pacing="steady four on the floor",
    tempo_bpm=(86.0, 120.0),
    bar_steps=48,
    compound=False,
    style=Style("lied", density=1, polyphony=1, triplets=0, idiom="vamp"),
    parts=(
        Part(LEAD, "saw_lead", "lead", gain_db=-2.0),
        Part(UPPER, "saw_pad", "harmony", gain_db=-1.0, figure="pad"),
        Part(MIDDLE, "synth_pluck", "harmony", gain_db=-3.0, figure="arp"),
        Part(MIDDLE, "warm_pad", "harmony", gain_db=-6.0, figure="pad", below=0.0),
        Part(BASS, "synth_bass", "bass", gain_db=-3.0, figure="pulse"),
    ),
    groove=Groove("synthwave", enters_above=-0.9, accent=("cymbal", "boom")),
    mix=Mix(trim_db=-2.5, cutoff_hz=4200.0, reverb=0.3, decay=0.8, chorus=0.4, echo=0.3, humanise_ms=2.0),
    drone="saw_pad",
)

CINEMATIC = Preset(
    name="cinematic",
    genre="cinematic orchestral underscore",
    instrumentation="string ensemble, horns, choir, low strings, taiko drums",
    atmosphere="wide, dramatic, noble",
    pacing="broad, building",
    tempo_bpm=(58.0, 108.0),
    bar_steps=48,
    compound=False,
    style=Style("quartet", density=1, polyphony=2, triplets=0, idiom="broad"),
    parts=(
        Part(LEAD, "violin", "lead"),
        Part(LEAD, "horn", "lead", gain_db=-3.0, shift=-12, above=0.25),
        Part(UPPER, "strings", "harmony"),
        Part(UPPER, "choir", "harmony", gain_db=-9.0, figure="pad"),
        Part(MIDDLE, "strings", "harmony", gain_db=-1.0),
        Part(MIDDLE, "pizzicato", "harmony", gain_db=-4.0, above=0.05, figure="arp"),
        Part(BASS, "cello", "bass"),
        Part(BASS, "low_strings", "bass", gain_db=-3.0, shift=-12, above=0.0),
    ),
    groove=Groove("taiko", enters_above=-0.7, accent=("taiko_low", "swell")),
    mix=Mix(trim_db=-2.3, cutoff_hz=5200.0, reverb=0.42, decay=0.87, width=1.15, humanise_ms=10.0),
    drone="low_strings",
)

CHIPTUNE = Preset(
    name="chiptune",
    genre="chiptune, 8-bit game music",
    instrumentation="pulse waves, triangle bass, noise drums",
    atmosphere="playful, bright, retro",
    pacing="brisk and even",
    # A console's tune keeps its tempo; how busy it is follows the picture.
    tempo_bpm=(124.0, 136.0),
    bar_steps=48,
    compound=False,
    style=Style("lied", density=2, polyphony=0, triplets=0),
    parts=(
        Part(LEAD, "pulse_lead", "lead"),
        Part(UPPER, "pulse_soft", "harmony", gain_db=-3.0),
        Part(MIDDLE, "pulse_pluck", "harmony", gain_db=-3.0, figure="arp"),
        Part(BASS, "triangle_bass", "bass"),
    ),
    groove=Groove("chip", enters_above=-0.95, gain_db=-2.0, accent=("chip_crash",)),
    # Its chips had no filter and no room.
    mix=Mix(trim_db=-0.5, cutoff_hz=9000.0, reverb=0.05, decay=0.6, width=0.9, echo=0.25, humanise_ms=0.0),
    drone="triangle_bass",
)

FOLK = Preset(
    name="folk",
    genre="acoustic folk",
    instrumentation="flute, nylon and steel guitars, upright bass, shaker",
    atmosphere="warm, open, homely",
    pacing="a gentle waltz",
    tempo_bpm=(92.0, 144.0),
    bar_steps=36,
    compound=False,
    style=Style("lied", density=1, polyphony=1, triplets=0, idiom="dance"),
    parts=(
        Part(LEAD, "flute", "lead", gain_db=-1.0),
        Part(LEAD, "violin", "lead", gain_db=-6.0, above=0.4),
        Part(UPPER, "nylon_guitar", "harmony", gain_db=-3.0),
        Part(MIDDLE, "steel_guitar", "harmony", gain_db=-1.0, figure="strum"),
        Part(BASS, "upright_bass", "bass"),
    ),
    groove=Groove("folk", swing=0.1, enters_above=-0.9, accent=("cymbal",)),
    mix=Mix(trim_db=-0.8, cutoff_hz=7000.0, reverb=0.12, decay=0.66, humanise_ms=9.0),
    drone="accordion",
)

JAZZ = Preset(
    name="jazz",
    genre="small-group jazz",
    instrumentation="clarinet, vibraphone, piano, upright bass, brushes",
    atmosphere="relaxed, smoky, conversational",
    pacing="swing",
    tempo_bpm=(94.0, 166.0),
    bar_steps=48,
    compound=False,
    style=Style("lied", density=2, polyphony=2, triplets=1, idiom="changes"),
    parts=(
        Part(LEAD, "clarinet", "lead", gain_db=-1.0),
        Part(LEAD, "vibes", "lead", gain_db=-5.0, above=0.3),
        Part(UPPER, "grand_piano", "harmony"),
        Part(MIDDLE, "grand_piano", "harmony", gain_db=-1.0),
        Part(BASS, "upright_bass", "bass", gain_db=-0.5, figure="walk"),
    ),
    groove=Groove("jazz", swing=0.85, swing_unit=6, enters_above=-0.95, accent=("cymbal",)),
    mix=Mix(trim_db=-0.6, cutoff_hz=4000.0, reverb=0.12, decay=0.68, humanise_ms=8.0),
    drone="cello",
)

PRESETS: dict[str, Preset] = {
    p.name: p for p in (AMBIENT, NEOCLASSICAL, LOFI, SYNTHWAVE, CINEMATIC, CHIPTUNE, FOLK, JAZZ)
}
"""Every preset by name, in the order they are shown."""

DEFAULT_PRESET = "neoclassical"
