"""The words an anchor may use, and what they mean: lower case, no accents, phrases of three words at most.

The tables are English; `ALIASES` leads words of other languages, and other spellings, to them.
"""

from __future__ import annotations

GENRES: dict[str, str] = {
    "ambient": "ambient", "drone": "ambient", "new age": "ambient", "meditation": "ambient",
    "soundscape": "ambient", "space": "ambient", "chillout": "ambient", "meditative": "ambient",
    "neoclassical": "neoclassical", "classical": "neoclassical", "romantic": "neoclassical",
    "nocturne": "neoclassical", "minimalist": "neoclassical", "chamber": "neoclassical",
    "lofi": "lofi", "lo-fi": "lofi", "lo fi": "lofi", "hip hop": "lofi", "hip-hop": "lofi",
    "hiphop": "lofi",
    "chillhop": "lofi", "study beats": "lofi", "downtempo": "lofi",
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
    "noir": "jazz", "lounge": "jazz", "ragtime": "jazz", "funk": "jazz", "soul": "jazz",
    "rock": "synthwave", "metal": "synthwave", "pop": "synthwave", "vaporwave": "synthwave",
    "dubstep": "synthwave", "phonk": "synthwave", "drum and bass": "synthwave", "trap": "lofi",
    "string quartet": "neoclassical",
}  # fmt: skip
"""Word or phrase -> preset: the nearest there is."""

SCENES: dict[str, str] = {
    "boss battle": "cinematic", "boss fight": "cinematic", "boss": "cinematic", "battle": "cinematic",
    "fight": "cinematic", "action": "cinematic", "fantasy": "cinematic", "rpg": "cinematic",
    "horror": "ambient", "dungeon": "ambient", "sci-fi": "ambient", "party": "synthwave",
    "hype": "synthwave", "beats": "lofi",
}  # fmt: skip
"""What the music is for -> preset: votes half as much as a genre."""

IMPLIED: dict[str, tuple[str, ...]] = {
    "rock": ("driving", "drums"), "metal": ("aggressive", "very fast", "drums"), "funk": ("drums",),
    "vaporwave": ("slow", "dreamy"), "dubstep": ("dark", "drums"), "phonk": ("dark", "drums"),
    "drum and bass": ("very fast", "drums"), "string quartet": ("violin", "strings", "cello"),
    "boss battle": ("fast", "drums"), "boss fight": ("fast", "drums"), "boss": ("fast", "drums"),
    "battle": ("fast", "drums"), "fight": ("fast", "drums"), "action": ("fast", "drums"),
    "fantasy": ("magical",), "horror": ("ominous",), "dungeon": ("dark",), "sci-fi": ("cold",),
    "party": ("upbeat",), "hype": ("energetic",),
}  # fmt: skip
"""What a genre or scene brings along where nothing else is said."""

INSTRUMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "piano": ("felt_piano", ("lead", "chords")), "felt piano": ("felt_piano", ("lead", "chords")),
    "grand piano": ("grand_piano", ("lead", "chords")), "electric piano": ("e_piano", ("lead", "chords")),
    "rhodes": ("e_piano", ("lead", "chords")), "keys": ("e_piano", ("chords",)),
    "guitar": ("nylon_guitar", ("chords",)), "acoustic guitar": ("steel_guitar", ("chords",)),
    "nylon guitar": ("nylon_guitar", ("chords",)), "steel guitar": ("steel_guitar", ("chords",)),
    "harp": ("harp", ("chords",)), "pizzicato": ("pizzicato", ("chords",)),
    "plucks": ("synth_pluck", ("chords",)),
    "electric guitar": ("steel_guitar", ("chords",)), "ukulele": ("nylon_guitar", ("chords",)),
    "banjo": ("steel_guitar", ("chords",)), "lute": ("nylon_guitar", ("chords",)),
    "bells": ("glass_bell", ("lead",)), "bell": ("glass_bell", ("lead",)),
    "music box": ("music_box", ("lead",)),
    "celesta": ("music_box", ("lead",)), "kalimba": ("kalimba", ("lead",)),
    "marimba": ("marimba", ("lead",)),
    "vibraphone": ("vibes", ("lead",)), "vibes": ("vibes", ("lead",)), "xylophone": ("marimba", ("lead",)),
    "glockenspiel": ("music_box", ("lead",)),
    "strings": ("strings", ("chords",)), "string": ("strings", ("chords",)),
    "orchestra": ("strings", ("chords",)),
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

MEMBERS = {"piano": ("piano", "grand piano")}
"""What a word means where the style has one of them itself. An electric piano has a name of its own."""

KIN: dict[str, tuple[str, ...]] = {
    "piano": ("felt_piano", "grand_piano", "e_piano"),
    "keys": ("felt_piano", "grand_piano", "e_piano", "organ"),
    "guitar": ("nylon_guitar", "steel_guitar"),
    "bass": ("upright_bass", "round_bass", "synth_bass", "sub_bass", "triangle_bass"),
    "strings": ("strings", "low_strings", "violin", "cello", "pizzicato"),
    "string": ("strings", "low_strings", "violin", "cello", "pizzicato"),
    "orchestra": ("strings", "low_strings", "violin", "cello", "pizzicato", "horn"),
    "bells": ("glass_bell", "music_box"), "bell": ("glass_bell", "music_box"),
    "pad": ("warm_pad", "air_pad", "saw_pad"), "pads": ("warm_pad", "air_pad", "saw_pad"),
    **dict.fromkeys(
        ("synth", "synths", "synthesizer", "synthesizers"),
        ("saw_lead", "soft_lead", "saw_pad", "warm_pad", "air_pad", "synth_pluck", "synth_bass", "sub_bass"),
    ),
    "pulse wave": ("pulse_lead", "pulse_soft", "pulse_pluck"),
    "square wave": ("pulse_lead", "pulse_soft", "pulse_pluck"), "plucks": ("synth_pluck", "pulse_pluck"),
}  # fmt: skip
"""What "no ..." bans, where that is more than the patch the word asks for."""

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
    "drums": "", "drum": "", "beat": "", "beats": "", "percussion": "", "drum machine": "synthwave",
    "taiko": "taiko", "brushes": "jazz", "shaker": "folk", "boom bap": "lofi", "drumless": "none",
    "beatless": "none",
}  # fmt: skip
"""Word -> drum family; empty means the preset's own, or a soft one."""

NEGATIONS = frozenset(
    {
        "no", "without", "minus", "not", "never", "zero", "don't", "dont", "do not", "neither", "nor", "w/o",
        "isn't", "doesn't", "shouldn't", "avoid", "remove", "mute", "turn off", "instead of", "rather than",
    }
)  # fmt: skip
"""What turns the phrase behind it into its opposite."""

LOOSE_NEGATIONS = frozenset({"not", "never"})
"""Those of an adjective: in "not dark piano" the piano stays."""

NEGATED_AFTER = frozenset({"off", "free", "muted"})
"""What does so behind the phrase: "drums off"."""

REDUCTIONS = frozenset({"less", "fewer"})

NEGATION_FILLERS = frozenset(
    {
        "any", "more", "too", "use", "using", "add", "have", "need", "so", "much", "many", "be", "include",
        "all", "really", "actually",
    }
)  # fmt: skip
"""Passed over behind a negation, as `FILLERS` are."""

ADJECTIVES = frozenset(
    {"loud", "heavy", "annoying", "big", "hard", "harsh", "strong", "live", "real", "electric"}
)
"""May stand between "no" and an instrument: "no heavy drums" is no drums."""

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

ALIASES: dict[str, str] = {
    "klavier": "piano", "schlagzeug": "drums", "trommeln": "drums", "geige": "violin", "gitarre": "guitar",
    "flote": "flute", "streicher": "strings", "orgel": "organ", "ohne": "without", "kein": "no",
    "keine": "no", "keinen": "no", "nicht": "not", "langsam": "slow", "langsame": "slow", "schnell": "fast",
    "schnelle": "fast", "ruhig": "calm", "ruhige": "calm", "traurig": "sad", "traurige": "sad",
    "frohlich": "happy", "dunkel": "dark", "sehr": "very", "oder": "or", "und": "and", "mit": "with",
    "ein": "a", "eine": "a", "der": "the", "das": "the", "musik": "music",
    "guitarra": "guitar", "bateria": "drums", "cuerdas": "strings", "flauta": "flute", "sin": "without",
    "rapido": "fast", "rapida": "fast", "lenta": "slow", "triste": "sad", "tranquilo": "calm",
    "tranquila": "calm", "alegre": "happy", "oscuro": "dark", "oscura": "dark", "muy": "very", "o": "or",
    "y": "and", "con": "with", "un": "a", "una": "a", "el": "the", "la": "the", "musica": "music",
    "&": "and", "dnb": "drum and bass", "d'n'b": "drum and bass", "drum'n'bass": "drum and bass",
    "d&b": "drum and bass", "drum&bass": "drum and bass", "r&b": "soul",
    "d and b": "drum and bass", "drum n bass": "drum and bass",
    "chip tune": "chiptune", "chip tunes": "chiptune", "chiptunes": "chiptune", "sci fi": "sci-fi",
    "scifi": "sci-fi", "vapor wave": "vaporwave", "synth wave": "synthwave", "boss battles": "boss battle",
}  # fmt: skip
"""Other languages and spellings, accents folded -> the word or phrase of the other tables."""

BEATING = (", no beat", " four on the floor")
"""What the presets' `pacing` says of drums: untrue where drums were added or taken away."""

DRUM_NAMES: dict[str, str] = {
    "lofi": "dusty drums", "synthwave": "drum machine", "taiko": "taiko drums", "chip": "noise drums",
    "folk": "shaker", "jazz": "brushes", "soft": "soft drums",
}  # fmt: skip
"""Drum family -> how it is told."""

FILLERS = frozenset(
    {
        "a", "an", "and", "the", "of", "for", "with", "in", "on", "at", "to", "by", "or", "but", "some",
        "like", "as", "is", "it", "my", "me", "i", "we", "us", "please", "music", "song", "tune", "piece",
        "track", "style", "sound", "sounds", "sounding", "make", "play", "want", "would", "give",
        "something", "very", "more", "less", "bit", "little", "background", "stream", "game", "games",
        "that", "this", "from", "be", "do", "turn", "use", "any",
    }
)  # fmt: skip
"""Words that neither mean something here nor deserve a report."""
