"""Instruments into parts: what is asked for takes over, what is ruled out is replaced.

    preset = orchestrated(PRESETS["jazz"], wishes)

The parts that always play (base parts) of the melody, the chords and the bass are handed out in turn to the
instruments asked for that can take them, in the order named. Whoever is left over takes a part that comes and
goes with arousal, and where there is none, a new one. What got none, and what could not be ruled out, is
taken back from what was understood (`Wishes.take_back`).
"""

from __future__ import annotations

from dataclasses import replace

from composer import lexicon
from composer.phrases import Phrase
from composer.presets import Groove, Part, Preset
from composer.score import BASS, LEAD, MIDDLE, UPPER
from composer.wishes import Wishes

_PLACES: dict[int, str] = {LEAD: "lead", UPPER: "chords", MIDDLE: "chords", BASS: "bass"}
_CHORDS = (
    "nylon_guitar", "harp", "grand_piano", "strings", "e_piano", "warm_pad", "organ", "accordion", "choir",
    "air_pad", "saw_pad", "steel_guitar", "felt_piano", "pulse_soft", "pulse_pluck", "synth_pluck",
)  # fmt: skip
_STAND_INS: dict[str, tuple[str, ...]] = {
    "lead": (
        "flute", "vibes", "clarinet", "violin", "felt_piano", "soft_lead", "glass_bell", "horn", "kalimba",
        "marimba", "music_box", "grand_piano", "e_piano", "saw_lead", "pulse_lead", "accordion",
    ),
    "chords": _CHORDS,
    "bass": (
        "upright_bass", "round_bass", "cello", "low_strings", "synth_bass", "sub_bass", "triangle_bass",
        "felt_piano", "organ", "warm_pad", "horn", "saw_pad", "choir", "nylon_guitar",
    ),
}  # fmt: skip
"""Who plays what an instrument that was ruled out leaves behind: the first that was not."""
_ELECTRONIC = frozenset(
    {
        "e_piano", "synth_pluck", "pulse_pluck", "synth_bass", "sub_bass", "triangle_bass", "warm_pad",
        "air_pad", "saw_pad", "saw_lead", "soft_lead", "pulse_lead", "pulse_soft", "round_bass",
    }
)  # fmt: skip
_DRONES = ("warm_pad", "organ", "low_strings", "sub_bass")
_LOWEST = "bass"
"""The word that rules out a line and not only its instruments."""
_SPOKEN = {"e_piano": "electric piano", "vibes": "vibraphone"}


def orchestrated(base: Preset, wishes: Wishes) -> Preset:
    """`base` with the instruments and drums wished for, and without those ruled out."""
    banned, without_bass = _banned(wishes)
    own = {part.patch for part in base.parts} - banned
    asked = [phrase for phrase in _asked(wishes, own) if lexicon.INSTRUMENTS[phrase.key][0] not in banned]
    for phrase in wishes.instruments:
        if lexicon.INSTRUMENTS[_of_style(phrase, own).key][0] in banned:
            wishes.take_back(phrase.said)
    parts = _with(base.parts, asked, wishes)
    parts = _without(base.parts, parts, banned)
    if without_bass:
        parts = _raised(parts)
    groove = _groove(base.groove, wishes)
    changed = parts != base.parts or groove.family != base.groove.family or without_bass
    return replace(
        base,
        parts=parts,
        groove=groove,
        drone=_drone(base.drone, banned, without_bass),
        instrumentation=_told(parts, base, groove, wishes, without_bass) if changed else base.instrumentation,
    )


def _asked(wishes: Wishes, own: set[str]) -> list[Phrase]:
    """The instruments asked for, each patch once; what a genre implies comes after what was said. A family's
    name means the style's `own` member of it: jazz's piano is a grand piano."""
    phrases = [_of_style(phrase, own) for phrase in wishes.instruments]
    for key in wishes.implied:
        if key in lexicon.INSTRUMENTS and key not in wishes.refused:
            phrases.append(Phrase(key, key, 1))
    by_patch: dict[str, Phrase] = {}
    for phrase in phrases:
        by_patch.setdefault(lexicon.INSTRUMENTS[phrase.key][0], phrase)
    return list(by_patch.values())


def _of_style(phrase: Phrase, own: set[str]) -> Phrase:
    members = lexicon.MEMBERS.get(phrase.key, ())
    theirs = next((key for key in members if lexicon.INSTRUMENTS[key][0] in own), phrase.key)
    return phrase._replace(key=theirs)


def _banned(wishes: Wishes) -> tuple[set[str], bool]:
    """The patches ruled out, and whether the bass line is. What leaves a place to nobody is taken back."""
    banned: set[str] = set()
    without_bass = False
    wanted = [phrase.key for phrase in wishes.instruments]
    for phrase in wishes.banned:
        patches = set(lexicon.KIN.get(phrase.key, (lexicon.INSTRUMENTS[phrase.key][0],)))
        # "no piano, but a rhodes": the one named by itself stays.
        others = [] if phrase.key in wanted else [key for key in wanted if key not in wishes.refused]
        fresh = patches - {lexicon.INSTRUMENTS[key][0] for key in others}
        bass_asked = any("bass" in lexicon.INSTRUMENTS[key][1] for key in others)
        if not fresh or any(not set(each) - banned - fresh for each in _STAND_INS.values()):
            wishes.take_back(phrase.said)
            continue
        banned |= fresh
        without_bass = without_bass or (phrase.key == _LOWEST and not bass_asked)
    return banned, without_bass


def _fits(phrase: Phrase, part: Part) -> bool:
    return _PLACES[part.role] in lexicon.INSTRUMENTS[phrase.key][1]


def _always(part: Part) -> bool:
    return part.above <= -1.0


def _with(parts: tuple[Part, ...], asked: list[Phrase], wishes: Wishes) -> tuple[Part, ...]:
    out = list(parts)
    turns: dict[str, int] = {}
    placed: set[str] = set()

    def give(index: int, phrase: Phrase) -> None:
        out[index] = replace(out[index], patch=lexicon.INSTRUMENTS[phrase.key][0])
        placed.add(phrase.key)

    for index, part in enumerate(parts):
        fitting = [phrase for phrase in asked if _fits(phrase, part)]
        if fitting and _always(part):
            turn = turns.get(_PLACES[part.role], 0)
            turns[_PLACES[part.role]] = turn + 1
            give(index, fitting[turn % len(fitting)])
    for index, part in enumerate(parts):
        left = [phrase for phrase in asked if phrase.key not in placed and _fits(phrase, part)]
        if left and not _always(part):
            give(index, left[0])
    for role in (LEAD, MIDDLE, BASS):
        own = next(part for part in parts if part.role == role)
        left = [phrase for phrase in asked if phrase.key not in placed and _fits(phrase, own)]
        if left:
            out.append(replace(own, above=0.2, gain_db=own.gain_db - 4.0))
            give(len(out) - 1, left[0])
    for phrase in asked:
        if phrase.key not in placed:
            wishes.take_back(phrase.said)
    return tuple(out)


def _without(own: tuple[Part, ...], parts: tuple[Part, ...], banned: set[str]) -> tuple[Part, ...]:
    if not any(part.patch in banned for part in parts):
        return parts
    out = [part for part in parts if part.patch not in banned]
    for role in range(4):
        if any(p.role == role and _always(p) and p.below >= 1.0 for p in out):
            continue
        # Each role keeps one voice: a layer that is left, or somebody who can take the place.
        left = next((p for p in out if p.role == role), None)
        if left is not None:
            out.remove(left)
        else:
            lost = next(p for p in parts if p.role == role)
            left = replace(lost, patch=_stand_in(_PLACES[role], own, banned))
        out.append(replace(left, above=-1.0, below=1.0, valence_from=-1.0, valence_to=1.0))
    return tuple(out)


def _stand_in(place: str, own: tuple[Part, ...], banned: set[str]) -> str:
    """Somebody of the style's own; or of all, wires for wires and wood for wood."""
    electronic = 2 * sum(part.patch in _ELECTRONIC for part in own) >= len(own)
    able = [patch for patch in _STAND_INS[place] if patch not in banned]
    able.sort(key=lambda patch: (patch in _ELECTRONIC) != electronic)
    return next((part.patch for part in own if part.patch in able), able[0])


def _raised(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Without a bass: its line an octave higher, softly, in an instrument of the chords."""
    line = next(part for part in parts if part.role == BASS)
    chords = next(part for part in parts if part.role == MIDDLE and _always(part))
    raised = replace(
        line, patch=chords.patch, section="harmony", gain_db=-6.0, shift=12, above=-1.0, below=1.0
    )
    return (*(part for part in parts if part.role != BASS), raised)


def _drone(drone: str, banned: set[str], without_bass: bool) -> str:
    if without_bass:
        return ""
    if drone not in banned:
        return drone
    return next((patch for patch in _DRONES if patch not in banned), "")


def _groove(groove: Groove, wishes: Wishes) -> Groove:
    ruled_out = {lexicon.GROOVES[phrase.key] for phrase in wishes.beatless}
    if ruled_out & {"", "none"}:
        for phrase in wishes.grooves:
            if phrase.key not in lexicon.SCENES:
                wishes.take_back(phrase.said)
        # A strike at a cut would be a drum too; chips have no swell.
        return replace(groove, family="none", accent=() if groove.family == "chip" else ("swell",))
    family = groove.family
    named = [lexicon.GROOVES[phrase.key] for phrase in wishes.grooves]
    if not named and "drums" in wishes.implied:
        named = [""]
    if named:
        kinds = [kind for kind in named if kind]
        family = kinds[-1] if kinds else family if family != "none" else "soft"
        for phrase in wishes.grooves:
            if lexicon.GROOVES[phrase.key] not in ("", family):
                wishes.take_back(phrase.said)
    if wishes.fewer_drums and family != "none":
        family = "soft"
    if family in ruled_out:
        for phrase in wishes.grooves:
            if lexicon.GROOVES[phrase.key] == family:
                wishes.take_back(phrase.said)
        if not named:
            return replace(groove, family="none", accent=("swell",))
        family = "soft"
    return groove if family == groove.family else replace(groove, family=family)


def _told(parts: tuple[Part, ...], base: Preset, groove: Groove, wishes: Wishes, without_bass: bool) -> str:
    """What plays, by name."""
    said = [_SPOKEN.get(part.patch, part.patch.replace("_", " ")) for part in parts]
    said = list(dict.fromkeys(said))
    if groove.family != "none":
        said.append(lexicon.DRUM_NAMES[groove.family])
    elif base.groove.family != "none" or wishes.beatless:
        said.append("no drums")
    if without_bass:
        said.append("no bass")
    return ", ".join(said)
