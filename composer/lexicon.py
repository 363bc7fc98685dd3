"""The words an anchor may use, and what they mean: English, lower case, phrases of at most two words."""

from __future__ import annotations

GENRES: dict[str, str] = {
    "ambient": "ambient", "drone": "ambient", "new age": "ambient", "meditation": "ambient",
    "soundscape": "ambient", "space": "ambient", "chillout": "ambient", "meditative": "ambient",
    "neoclassical": "neoclassical", "classical": "neoclassical", "romantic": "neoclassical",
    "nocturne": "neoclassical", "minimalist": "neoclassical", "chamber": "neoclassical",
    "lofi": "lofi", "lo-fi": "lofi", "lo fi": "lofi", "hip hop": "lofi", "hip-hop": "lofi",
    "hiphop": "lofi",
    "chillhop": "lofi", "study beats": "lofi", "downtempo": "lofi", "beats": "lofi",
    "synthwave": "synthwave", "retrowave": "synthwave", "outrun": "synthwave", "electronic": "synthwave",
    "electro": "synthwave", "techno": "synthwave", "house": "synthwave", "edm": "synthwave",
    "synthpop": "synthwave", "cyberpunk": "synthwave", "trance": "synthwave", "disco": "synthwave",
    "cinematic": "cinematic", "orchestral": "cinematic", "epic": "cinematic", "film score": "cinematic",
    "soundtrack": "cinematic", "trailer": "cinematic", "symphonic": "cinematic", "score": "cinematic",
    "chiptune": "chiptune", "8-bit": "chiptune", "8bit": "chiptune", "8 bit": "chiptune",
    "video game": "chiptune", "arcade": "chiptune", "16-bit": "chiptune", "pixel": "chiptune",
    "folk": "folk", "acoustic": "folk", "celtic": "folk", "country": "folk", "bluegrass": "folk",
    "irish": "folk", "medieval": "folk", "tavern": "folk", "singer-songwriter": "folk",
    "jazz": "jazz", "swing": "jazz", "bebop": "jazz", "bossa": "jazz", "bossa nova": "jazz",
    "blues": "jazz",
    "noir": "jazz", "lounge": "jazz", "ragtime": "jazz",
}  # fmt: skip
"""Word or phrase -> preset."""

INSTRUMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "piano": ("felt_piano", ("lead", "chords")), "felt piano": ("felt_piano", ("lead", "chords")),
    "grand piano": ("grand_piano", ("lead", "chords")), "electric piano": ("e_piano", ("lead", "chords")),
    "rhodes": ("e_piano", ("lead", "chords")), "keys": ("e_piano", ("chords",)),
    "guitar": ("nylon_guitar", ("chords",)), "acoustic guitar": ("steel_guitar", ("chords",)),
    "nylon guitar": ("nylon_guitar", ("chords",)), "steel guitar": ("steel_guitar", ("chords",)),
    "harp": ("harp", ("chords",)), "pizzicato": ("pizzicato", ("chords",)),
    "plucks": ("synth_pluck", ("chords",)),
    "banjo": ("steel_guitar", ("chords",)), "lute": ("nylon_guitar", ("chords",)),
    "bells": ("glass_bell", ("lead",)), "bell": ("glass_bell", ("lead",)),
    "music box": ("music_box", ("lead",)),
    "celesta": ("music_box", ("lead",)), "kalimba": ("kalimba", ("lead",)),
    "marimba": ("marimba", ("lead",)),
    "vibraphone": ("vibes", ("lead",)), "vibes": ("vibes", ("lead",)), "xylophone": ("marimba", ("lead",)),
    "glockenspiel": ("music_box", ("lead",)),
    "strings": ("strings", ("chords",)), "string": ("strings", ("chords",)),
    "string quartet": ("strings", ("chords",)), "orchestra": ("strings", ("chords",)),
    "violin": ("violin", ("lead",)), "fiddle": ("violin", ("lead",)), "viola": ("cello", ("lead",)),
    "cello": ("cello", ("bass",)), "choir": ("choir", ("chords",)), "voices": ("choir", ("chords",)),
    "vocals": ("choir", ("lead",)), "horn": ("horn", ("lead",)), "horns": ("horn", ("lead",)),
    "brass": ("horn", ("lead",)), "trumpet": ("horn", ("lead",)), "flute": ("flute", ("lead",)),
    "whistle": ("flute", ("lead",)), "clarinet": ("clarinet", ("lead",)),
    "saxophone": ("clarinet", ("lead",)),
    "sax": ("clarinet", ("lead",)), "oboe": ("clarinet", ("lead",)),
    "accordion": ("accordion", ("chords",)),
    "organ": ("organ", ("chords",)), "harmonica": ("accordion", ("lead",)),
    "pad": ("warm_pad", ("chords",)), "pads": ("warm_pad", ("chords",)), "synth": ("saw_lead", ("lead",)),
    "synths": ("saw_pad", ("chords",)), "synthesizer": ("saw_lead", ("lead",)),
    "synthesizers": ("saw_pad", ("chords",)), "lead synth": ("saw_lead", ("lead",)),
    "pulse wave": ("pulse_lead", ("lead",)), "square wave": ("pulse_lead", ("lead",)),
    "double bass": ("upright_bass", ("bass",)), "upright bass": ("upright_bass", ("bass",)),
    "bass": ("round_bass", ("bass",)), "bass guitar": ("round_bass", ("bass",)),
    "synth bass": ("synth_bass", ("bass",)), "sub bass": ("sub_bass", ("bass",)),
}  # fmt: skip
"""Word or phrase -> (patch, which parts it takes)."""

INSTRUMENT_HOMES: dict[str, str] = {
    "felt_piano": "neoclassical", "grand_piano": "jazz", "e_piano": "lofi", "nylon_guitar": "folk",
    "steel_guitar": "folk", "harp": "neoclassical", "pizzicato": "cinematic", "synth_pluck": "synthwave",
    "glass_bell": "ambient", "music_box": "neoclassical", "kalimba": "ambient", "marimba": "lofi",
    "vibes": "jazz", "strings": "cinematic", "violin": "neoclassical", "cello": "neoclassical",
    "choir": "cinematic", "horn": "cinematic", "flute": "folk", "clarinet": "jazz", "accordion": "folk",
    "organ": "ambient", "warm_pad": "ambient", "saw_lead": "synthwave", "saw_pad": "synthwave",
    "pulse_lead": "chiptune", "upright_bass": "jazz", "round_bass": "lofi", "synth_bass": "synthwave",
    "sub_bass": "ambient",
}  # fmt: skip
"""Patch -> the preset it suggests when no genre is named."""

GROOVES: dict[str, str] = {
    "drums": "", "drum": "", "beat": "", "percussion": "", "drum machine": "synthwave", "taiko": "taiko",
    "brushes": "jazz", "shaker": "folk", "boom bap": "lofi",
}  # fmt: skip
"""Word -> drum family; empty means the preset's own, or a soft one."""

NEGATIONS = ("no", "without", "minus")

ATMOSPHERES: dict[str, tuple[float, float, float]] = {
    "dark": (0.65, 1.15, 1.0), "gloomy": (0.65, 1.2, 1.0), "moody": (0.8, 1.1, 1.0),
    "mellow": (0.75, 1.0, 1.0),
    "warm": (0.85, 1.0, 1.0), "cozy": (0.8, 0.9, 0.95), "soft": (0.75, 1.05, 1.0),
    "gentle": (0.8, 1.05, 1.0),
    "bright": (1.45, 1.0, 1.0), "crisp": (1.5, 0.8, 1.0), "sunny": (1.35, 0.95, 1.0),
    "sparkling": (1.5, 1.2, 1.1),
    "dreamy": (0.9, 1.5, 1.15), "spacious": (1.0, 1.5, 1.2), "wide": (1.0, 1.1, 1.25),
    "airy": (1.25, 1.35, 1.15),
    "ethereal": (1.05, 1.6, 1.2), "intimate": (0.9, 0.55, 0.9), "dry": (1.1, 0.35, 0.95),
    "close": (1.0, 0.5, 0.9),
    "mysterious": (0.8, 1.35, 1.1), "tense": (0.9, 1.0, 0.9), "calm": (0.85, 1.15, 1.0),
    "peaceful": (0.85, 1.2, 1.0),
    "relaxed": (0.9, 1.0, 1.0), "relaxing": (0.85, 1.15, 1.0), "nostalgic": (0.8, 1.15, 1.0),
    "lush": (1.0, 1.3, 1.2),
    "happy": (1.2, 1.0, 1.0), "sad": (0.75, 1.2, 1.0), "melancholic": (0.75, 1.25, 1.0),
    "wistful": (0.85, 1.2, 1.0),
    "hopeful": (1.1, 1.1, 1.0), "heroic": (1.2, 1.15, 1.1), "dramatic": (1.1, 1.2, 1.1),
    "playful": (1.2, 0.85, 1.0),
    "rainy": (0.75, 1.2, 1.0), "night": (0.75, 1.15, 1.0), "late night": (0.7, 1.1, 1.0),
    "chill": (0.85, 1.0, 1.0),
    "cinematic": (1.0, 1.15, 1.1), "vintage": (0.7, 0.9, 0.9), "dusty": (0.65, 0.9, 0.9),
    "cold": (1.2, 1.35, 1.1),
    "haunting": (0.7, 1.5, 1.1), "smoky": (0.75, 1.05, 1.0), "energetic": (1.25, 0.9, 1.0),
    "aggressive": (1.3, 0.8, 1.0),
    "quiet": (0.75, 1.0, 1.0), "serene": (0.9, 1.3, 1.1), "magical": (1.2, 1.35, 1.15),
    "ominous": (0.6, 1.3, 1.0),
}  # fmt: skip
"""Word -> factors of (cutoff, reverb, width)."""

PACES: dict[str, float] = {
    "slow": 0.8, "slowly": 0.8, "very slow": 0.68, "slower": 0.85, "fast": 1.25, "very fast": 1.4,
    "faster": 1.15,
    "quick": 1.2, "brisk": 1.15, "lively": 1.12, "upbeat": 1.15, "driving": 1.12, "energetic": 1.15,
    "calm": 0.88,
    "relaxed": 0.92, "relaxing": 0.9, "unhurried": 0.88, "laid back": 0.9, "laid-back": 0.9, "steady": 1.0,
    "moderate": 1.0, "medium": 1.0, "peaceful": 0.88, "serene": 0.85, "frantic": 1.4, "lento": 0.75,
    "adagio": 0.8, "andante": 0.9, "allegro": 1.2, "presto": 1.4, "epic": 1.0, "aggressive": 1.15,
    "sleepy": 0.78,
}  # fmt: skip
"""Word -> factor of the tempo range."""

METERS: dict[str, int] = {"waltz": 36, "3/4": 36, "three four": 36, "4/4": 48, "four four": 48}

FILLERS = frozenset(
    {
        "a", "an", "and", "the", "of", "for", "with", "in", "on", "at", "to", "by", "or", "but", "some",
        "like", "as", "is", "it", "my", "me", "i", "we", "us", "please", "music", "song", "tune", "piece",
        "track", "style", "sound", "sounds", "sounding", "make", "play", "want", "would", "give",
        "something", "very", "more", "less", "bit", "little", "background", "stream", "game", "games",
        "that", "this", "from",
    }
)  # fmt: skip
"""Words that neither mean something here nor deserve a report."""
