"""Which examples there are: who speaks, in which file, under which licence. Data only, no sound."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tasnet.places import cache_folder

BUNDLED = Path(__file__).parents[2] / "assets" / "examples"

# Debian package -> the folder inside it that a `Voice.file` of tier "debian" starts from; first
# what the default example needs.
PACKAGES = {
    "fillets-ng-data-cs": "usr/share/games/fillets-ng/sound",
    "asterisk-core-sounds-en-wav": "usr/share/asterisk/sounds/en_US_f_Allison",
    "asterisk-core-sounds-fr-wav": "usr/share/asterisk/sounds/fr_CA_f_June",
    "asterisk-core-sounds-it-wav": "usr/share/asterisk/sounds/it_IT_m_Carlo",
    "asterisk-core-sounds-ru-wav": "usr/share/asterisk/sounds/ru_RU_f_IvrvoiceRU",
}


@dataclass(frozen=True)
class Voice:
    """One person (or speech synthesiser) saying `text` ("" where nobody wrote it down)."""

    speaker: str
    sex: str  # "woman" or "man"
    language: str
    source: str
    licence: str
    file: str  # inside the folder of its tier, see `Example.paths`
    text: str = ""

    @property
    def label(self) -> str:
        return f"{self.speaker}, {self.sex}, {self.language}"


@dataclass(frozen=True)
class Example:
    """Two or three voices to be mixed, or one in noise that is made here; `id` may stand in a URL.

    Tiers: "bundled" comes with the project and is synthetic, "debian" is fetched at set-up by
    `analysis.sounds.fetch_examples`, "librispeech" on demand by `analysis.sounds.examples.fetch_librispeech`.
    """

    id: str
    tier: str
    voices: tuple[Voice, ...]
    note: str = ""  # a caveat for judging the scores
    noise: str = ""  # what the one voice is in: "pink", or "babble" of `crowd`
    crowd: tuple[Voice, ...] = ()

    @property
    def synthetic(self) -> bool:
        return self.tier == "bundled"

    @property
    def languages(self) -> tuple[str, ...]:
        """Each language once, without the variety of English."""
        return tuple(dict.fromkeys(voice.language.split()[-1] for voice in self.voices))

    @property
    def title(self) -> str:
        """Short enough for a list beside a page: who speaks, and in which languages."""
        sexes = [voice.sex for voice in self.voices]
        same = {"woman": "Two women", "man": "Two men"}
        if self.noise:
            kind = ", synthetic" if self.synthetic else ""
            return f"{sexes[0].capitalize()} in {self.noise} · {self.languages[0]}{kind}"
        who = "Three" if len(sexes) == 3 else same[sexes[0]] if len({*sexes}) == 1 else "Woman + man"
        kind = " readers" if self.tier == "librispeech" else ", synthetic" if self.synthetic else ""
        return f"{who} · {' + '.join(self.languages)}{kind}"

    @property
    def about(self) -> str:
        """A short sentence: where the voices are from, and what makes the example hard."""
        kinds = {"prompts": "telephone prompts", "game": "a game", "LibriSpeech": "audiobooks", "synthes": "a computer"}
        if self.noise:
            crowd = f"{len(self.crowd)} others at once" if self.crowd else "pink noise that is made here"
            return f"A voice in {crowd}: for a model that takes speech out of noise."
        sources = [what for word, what in kinds.items() if any(word in voice.source for voice in self.voices)]
        reasons = ["three at once"] if len(self.voices) > 2 else []
        reasons += ["the same sex"] if len({voice.sex for voice in self.voices}) == 1 else []
        return f"Voices of {' and '.join(sources)}; {f'hard: {reasons[0]}' if reasons else 'a woman and a man'}."

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(voice.label for voice in self.voices)

    @property
    def credits(self) -> str:
        """A paragraph that names every speaker, source and licence."""
        voices = [f"{voice.label} ({voice.source}; {voice.licence})" for voice in self.voices + self.crowd]
        kind = "Synthetic voices, no person was recorded" if self.synthetic else "Real voices"
        noise = {"pink": " The pink noise is made here.", "babble": " The babble is made of the others."}.get(
            self.noise, ""
        )
        return f"{kind}: {'; '.join(voices)}.{noise} {self.note}".strip()

    def paths(self) -> list[Path]:
        """Where the voices' files are, or would be if they were here."""
        folders = {"bundled": BUNDLED, "debian": examples_folder(), "librispeech": librosa_folder()}
        return [folders[self.tier] / voice.file for voice in self.voices + self.crowd]


def examples_folder() -> Path:
    """Where voices that are not bundled are kept."""
    return cache_folder("examples")


def librosa_folder() -> Path:
    """Where `librosa.ex` keeps what it has downloaded."""
    return Path(os.environ.get("LIBROSA_DATA_DIR", platformdirs.user_cache_dir("librosa")))


def _asterisk(language: str, prompt: str, text: str = "") -> Voice:
    code, speaker, sex, licence = {
        "English": ("en", "Allison Smith", "woman", "CC BY-SA 3.0, Allison Smith"),
        "French": ("fr", "June Wallack", "woman", "CC BY-SA 3.0, June Wallack"),
        "Italian": ("it", "Carlo Flora", "man", "CC BY 3.0, Carlo Flora"),
        "Russian": ("ru", "The voice of ivrvoice.ru", "woman", "CC BY 3.0, Maxim Topal"),
    }[language]
    package = f"asterisk-core-sounds-{code}-wav"
    return Voice(
        speaker,
        sex,
        language,
        f"telephone prompts, Debian package {package}",
        licence,
        f"{package}/{prompt}.wav",
        text,
    )


def _fillets(sex: str, line: str, text: str) -> Voice:
    return Voice(
        {"woman": "The small fish", "man": "The big fish"}[sex],
        sex,
        "Czech",
        "the game Fish Fillets NG, Debian package fillets-ng-data-cs",
        "GPL-2, ALTAR interactive and the authors of Fish Fillets NG",
        f"fillets-ng-data-cs/{line}.ogg",
        text,
    )


def _librispeech(number: int) -> Voice:
    speaker, sex, book, file = {
        1: ("Garth Comira", "man", "The Ashiel Mystery", "5703-47212-0000"),
        2: ("Anders Lankford", "man", "The Age of Chivalry", "3436-172162-0000"),
        3: ("Heather Barnett", "woman", "Sense and Sensibility", "198-209-0000"),
    }[number]
    return Voice(
        speaker,
        sex,
        "English",
        f"LibriSpeech ({book}), through librosa.ex('libri{number}')",
        "CC BY 4.0, LibriSpeech",
        f"{file}.ogg",
    )


def _synthetic(voice: str, sex: str, language: str, licence: str, text: str) -> Voice:
    program, name = voice.split("-", 1)
    return Voice(
        f"Synthetic voice {name} ({program})",
        sex,
        language,
        f"synthesised for this project with {program}",
        licence,
        f"{voice}.flac",
        text,
    )


ALLISON_BUSY = _asterisk(
    "English",
    "tt-allbusy",
    "All representatives of the household are currently assisting other telemarketers. "
    "Please hold and your call will be answered in the order it was received.",
)
ALLISON_QUEUE = _asterisk(
    "English",
    "queue-periodic-announce",
    "All of our representatives are currently busy. Please stay on the line and "
    "your call will be answered by the next available representative.",
)
BIG_FISH_WHEEL = _fillets(
    "man",
    "dump/cs/sm-v-podivej",
    "Podívej se na ni. Běží stále vpřed a zůstává na místě. Není to snad nejkrásnější příklad toho, o čem jsem mluvil?",
)
BIG_FISH_SYMBOL = _fillets(
    "man",
    "elevator2/cs/zd2-v-symbol",
    "Bojím se, že při použití toho podivného symbolu bezděky spustíme nějaký temný rituál.",
)
SMALL_FISH_DAVID = _fillets(
    "woman",
    "wc/cs/wc-m-sochar",
    "David nebyl žádný malíř. David byl sochař. Davidova socha je jednou z nejznámějších renesančních památek.",
)
FLITE_LICENCE = "CMU Flite licence (free, BSD-like)"
SLT = _synthetic(
    "flite-slt",
    "woman",
    "American English",
    FLITE_LICENCE,
    "The lighthouse keeper counted every ship that passed beyond the rocks and wrote their names in a thin blue book.",
)
RMS = _synthetic(
    "flite-rms",
    "man",
    "American English",
    FLITE_LICENCE,
    "On Thursday morning we carried fresh bread and yellow cheese across the narrow bridge to the harbour market.",
)
AWB = _synthetic(
    "flite-awb",
    "man",
    "Scottish English",
    FLITE_LICENCE,
    "Nobody could explain why the village clock chose to strike thirteen just as the judge stood up to speak.",
)
KED = _synthetic(
    "festival-ked",
    "man",
    "American English",
    "University of Edinburgh licence (free, BSD-like)",
    "Two young painters shared a large room above the bakery and argued cheerfully about the colour of shadows.",
)
ONA = _synthetic(
    "festival-ona",
    "woman",
    "Catalan",
    "LGPL-2.1+, Universitat Politècnica de Catalunya",
    "El vell pescador va tornar al port amb la barca plena de sardines i una història nova per explicar.",
)
HEARD_IN_TRAINING = (
    "Garth Comira and Heather Barnett (LibriSpeech readers 5703 and 198) read in LibriSpeech's "
    "training part too: a model trained on it may have heard them, which flatters its scores."
)

# In the order in which they are offered: real voices first, the first one is the default.
EXAMPLES = (
    Example(
        "czech-woman-man",
        "debian",
        (SMALL_FISH_DAVID, BIG_FISH_WHEEL),
    ),
    Example(
        "english-french-women",
        "debian",
        (ALLISON_BUSY, _asterisk("French", "demo-nogo")),
    ),
    Example(
        "russian-italian",
        "debian",
        (_asterisk("Russian", "vm-instructions"), _asterisk("Italian", "queue-periodic-announce")),
    ),
    Example(
        "italian-czech-men",
        "debian",
        (_asterisk("Italian", "tt-allbusy"), BIG_FISH_WHEEL),
    ),
    Example(
        "three-real",
        "debian",
        (ALLISON_QUEUE, _asterisk("Italian", "vm-rec-unv"), BIG_FISH_SYMBOL),
    ),
    Example(
        "librispeech-woman-man",
        "librispeech",
        (_librispeech(3), _librispeech(2)),
        HEARD_IN_TRAINING,
    ),
    Example(
        "librispeech-men",
        "librispeech",
        (_librispeech(1), _librispeech(2)),
        HEARD_IN_TRAINING,
    ),
    Example(
        "librispeech-three",
        "librispeech",
        (_librispeech(3), _librispeech(1), _librispeech(2)),
        HEARD_IN_TRAINING,
    ),
    Example("pink-english", "debian", (ALLISON_BUSY,), noise="pink"),
    Example(
        "babble-english",
        "debian",
        (ALLISON_QUEUE,),
        noise="babble",
        crowd=(
            _asterisk("French", "demo-nogo"),
            _asterisk("Italian", "queue-periodic-announce"),
            _asterisk("Russian", "vm-instructions"),
            BIG_FISH_WHEEL,
        ),
    ),
    Example("synthetic-woman-man", "bundled", (SLT, RMS)),
    Example("synthetic-men", "bundled", (RMS, AWB)),
    Example(
        "synthetic-women",
        "bundled",
        (SLT, ONA),
    ),
    Example("synthetic-three", "bundled", (SLT, AWB, KED)),
    Example("synthetic-pink", "bundled", (AWB,), noise="pink"),
    Example("synthetic-babble", "bundled", (SLT,), noise="babble", crowd=(RMS, AWB, KED, ONA)),
)


def package_files() -> dict[str, list[str]]:
    """Debian package -> the files the examples need of it, relative to its folder in `PACKAGES`."""
    files: dict[str, set[str]] = {package: set() for package in PACKAGES}
    for example in EXAMPLES:
        if example.tier == "debian":
            for voice in example.voices + example.crowd:
                package, file = voice.file.split("/", 1)
                files[package].add(file)
    return {package: sorted(names) for package, names in files.items()}
