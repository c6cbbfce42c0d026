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
    """Two or three voices to be mixed; `id` may stand in a URL.

    Tiers: "bundled" comes with the project and is synthetic, "debian" is fetched at set-up by
    `analysis.sounds.fetch_examples`, "librispeech" on demand by `analysis.sounds.examples.fetch_librispeech`.
    """

    id: str
    title: str
    tier: str
    voices: tuple[Voice, ...]
    note: str = ""  # a sentence one has to know to judge the scores

    @property
    def synthetic(self) -> bool:
        return self.tier == "bundled"

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(voice.label for voice in self.voices)

    @property
    def credits(self) -> str:
        """A paragraph that names every speaker, source and licence."""
        voices = [f"{voice.label} ({voice.source}; {voice.licence})" for voice in self.voices]
        kind = "Synthetic voices, no person was recorded" if self.synthetic else "Real voices"
        return f"{kind}: {'; '.join(voices)}. {self.note}".strip()

    def paths(self) -> list[Path]:
        """Where the voices' files are, or would be if they were here."""
        folders = {"bundled": BUNDLED, "debian": examples_folder(), "librispeech": librosa_folder()}
        return [folders[self.tier] / voice.file for voice in self.voices]


def examples_folder() -> Path:
    """Where the voices are kept that do not come along."""
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
        "Woman + man · Czech game voices (real)",
        "debian",
        (SMALL_FISH_DAVID, BIG_FISH_WHEEL),
    ),
    Example(
        "english-french-women",
        "Woman + woman, two languages · English and French telephone prompts (real)",
        "debian",
        (ALLISON_BUSY, _asterisk("French", "demo-nogo")),
    ),
    Example(
        "russian-italian",
        "Woman + man, two languages · Russian and Italian telephone prompts (real)",
        "debian",
        (_asterisk("Russian", "vm-instructions"), _asterisk("Italian", "queue-periodic-announce")),
    ),
    Example(
        "italian-czech-men",
        "Man + man, two languages · Italian prompt and Czech game voice (real)",
        "debian",
        (_asterisk("Italian", "tt-allbusy"), BIG_FISH_WHEEL),
    ),
    Example(
        "three-real",
        "Three speakers · English, Italian and Czech (real)",
        "debian",
        (ALLISON_QUEUE, _asterisk("Italian", "vm-rec-unv"), BIG_FISH_SYMBOL),
    ),
    Example(
        "librispeech-woman-man",
        "Woman + man · LibriSpeech readers (real)",
        "librispeech",
        (_librispeech(3), _librispeech(2)),
        HEARD_IN_TRAINING,
    ),
    Example(
        "librispeech-men",
        "Man + man · LibriSpeech readers (real)",
        "librispeech",
        (_librispeech(1), _librispeech(2)),
        HEARD_IN_TRAINING,
    ),
    Example(
        "librispeech-three",
        "Three speakers · LibriSpeech readers (real)",
        "librispeech",
        (_librispeech(3), _librispeech(1), _librispeech(2)),
        HEARD_IN_TRAINING,
    ),
    Example("synthetic-woman-man", "Woman + man · synthetic voices", "bundled", (SLT, RMS)),
    Example("synthetic-men", "Man + man · synthetic voices", "bundled", (RMS, AWB)),
    Example(
        "synthetic-women",
        "Woman + woman, two languages · synthetic English and Catalan voices",
        "bundled",
        (SLT, ONA),
    ),
    Example("synthetic-three", "Three speakers · synthetic voices", "bundled", (SLT, AWB, KED)),
)


def package_files() -> dict[str, list[str]]:
    """Debian package -> the files the examples need of it, relative to its folder in `PACKAGES`."""
    files = {package: set() for package in PACKAGES}
    for example in EXAMPLES:
        if example.tier == "debian":
            for voice in example.voices:
                package, file = voice.file.split("/", 1)
                files[package].add(file)
    return {package: sorted(names) for package, names in files.items()}
