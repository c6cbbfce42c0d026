"""The names that public recipes give the parts of a mixture: one table for folders, files and columns.

    mixture   mix, mixture, mixtures, mixed, noisy, observation; LibriMix's and WHAM!'s mix_clean, mix_both, mix_single;
              WHAMR!'s mix_clean_anechoic ... mix_single_reverb; SparseLibriMix's mix_noisy
    sources   s1, s2 ...; spk1, speaker1, source1, src1, clean1, voice1, talker1, target1, ref1, also spk_1 and spk-1,
              counted from 0 or 1; s1_anechoic, s1_reverb; clean, where there is one voice and noise
    noise     noise, noise1, noises, background

Case does not matter.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .mixture_sets import CorpusError

MIXTURE, SOURCE, NOISE = "mixture", "source", "noise"
ANECHOIC, REVERB = "_anechoic", "_reverb"


@dataclass(frozen=True)
class Kind:
    """What a mixture consists of.

    conditions: endings of its sources' names, of which the first that is there counts. A reverberant mixture is the
    sum of the reverberant voices. single: one voice and noise.
    """

    conditions: tuple[str, ...] = ("",)
    noisy: bool = False
    single: bool = False


PLAIN = ("mix", "mixture", "mixtures", "mixed", "observation", "noisy")
# In the order in which they are looked for by default.
KINDS: dict[str, Kind] = {
    **{name: Kind() for name in PLAIN},
    **{
        f"mix_{what}{room}": Kind(conditions, what != "clean", what == "single")
        for room, conditions in (("", ("",)), (ANECHOIC, (ANECHOIC,)), (REVERB, (REVERB, ANECHOIC)))
        for what in ("clean", "both", "single")
    },
    "mix_noisy": Kind(noisy=True),
}
SOURCES = ("source", "speaker", "talker", "target", "clean", "voice", "spk", "src", "ref", "s")
NOISES = ("noise", "noise1", "noise_1", "noises", "background")

_SOURCE = rf"(?P<word>{'|'.join(SOURCES)})[_-]?(?P<index>\d)(?P<condition>{ANECHOIC}|{REVERB})?"
_MIXTURE = "|".join(sorted(KINDS, key=len, reverse=True))
_PART = re.compile(
    rf"(?P<mixture>{_MIXTURE})|(?P<noise>{'|'.join(NOISES)})|{_SOURCE}|(?P<one>clean)", re.IGNORECASE | re.ASCII
)
_PART_OF_ONE = re.compile(rf"(?:(?P<id>.+?)[_\-. ]+)??(?P<part>{_PART.pattern})", re.IGNORECASE | re.ASCII | re.DOTALL)


@dataclass(frozen=True)
class MixturePart:
    """One part of a mixture, by its name."""

    name: str  # as it is written
    role: str  # MIXTURE, SOURCE or NOISE
    word: str = ""  # "spk" of spk1, "mix_both"
    index: int = 0  # 1 of spk1
    condition: str = ""  # "_reverb" of s1_reverb


@dataclass(frozen=True)
class Roles:
    """The parts that make up the rows of a set."""

    mixture: MixturePart | None  # None: the sum of the sources
    sources: tuple[MixturePart, ...]
    noise: MixturePart | None  # in the mixture beside the sources

    @property
    def parts(self) -> tuple[MixturePart, ...]:
        return tuple(part for part in (self.mixture, *self.sources, self.noise) if part)


def part_of(name: str) -> MixturePart | None:
    """The part that a name stands for; None where it is none."""
    match = _PART.fullmatch(name)
    if not match:
        return None
    if match["mixture"]:
        return MixturePart(name, MIXTURE, match["mixture"].lower())
    if match["noise"]:
        return MixturePart(name, NOISE, "noise")
    if match["one"]:
        return MixturePart(name, SOURCE, "clean", 1)
    return MixturePart(name, SOURCE, match["word"].lower(), int(match["index"]), (match["condition"] or "").lower())


def split_part(stem: str) -> tuple[str, MixturePart] | None:
    """("0001", the part s1) of "0001_s1"; ("", the part s1) of "s1"; None where a name ends in no part's."""
    match = _PART_OF_ONE.fullmatch(stem)
    part = part_of(match["part"]) if match else None
    return (match["id"] or "", part) if match and part else None


def holds_voices(parts: Iterable[MixturePart]) -> bool:
    """Whether there are two sources of one naming, or one and noise."""
    parts = list(parts)
    count = max((len(_sources(parts, *style)) for style in _styles(parts)), default=0)
    return count > 1 or (count == 1 and any(part.role == NOISE for part in parts))


def choose_parts(parts: Iterable[MixturePart], kind: str | None, where: str) -> Roles:
    """Which of the parts at `where` are the mixture, its sources and its noise.

    kind: the mixtures' name, as mix_both; by default the first of KINDS that is there, or else the sources' sum.
    Raises CorpusError where that is not clear.
    """
    parts = list(parts)
    mixtures = {part.word: part for part in parts if part.role == MIXTURE}
    if kind is not None and kind.lower() not in mixtures:
        there = ", ".join(mixtures) or "none"
        raise CorpusError(f"There are no mixtures {kind} in {where}; of mixtures there are: {there}.")
    mixture = mixtures[kind.lower()] if kind else next((mixtures[name] for name in KINDS if name in mixtures), None)
    noise = next((part for part in parts if part.role == NOISE), None)
    recipe = KINDS[mixture.word] if mixture else Kind(("", ANECHOIC, REVERB))
    for condition in recipe.conditions:
        words = [word for word, found in _styles(parts) if found == condition]
        if not words:
            continue
        if len(words) > 1:
            names = " and ".join(_sources(parts, word, condition)[0].name for word in words)
            raise CorpusError(f"{where} has voices named in several ways ({names}): leave one of them.")
        voices = _sources(parts, words[0], condition)
        numbers = [voice.index for voice in voices]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))) or numbers[0] > 1:
            raise CorpusError(f"{where} has the voices {_names(voices)} only: one of them is missing.")
        if recipe.single or (len(voices) == 1 and noise):
            if not noise:
                raise CorpusError(f"{where} has one voice and its noise mixed, but not the noise by itself.")
            return Roles(mixture, (voices[0], noise), None)
        if len(voices) > 1:
            may_be_noisy = mixture and (recipe.noisy or mixture.word in PLAIN)
            return Roles(mixture, tuple(voices), noise if may_be_noisy else None)
    wanted = " or ".join(f"s1{condition}, s2{condition}" for condition in recipe.conditions)
    raise CorpusError(
        f"{where} has no two voices for {mixture.name if mixture else 'a mixture'}: it has "
        f"{_names(parts) or 'nothing known'}, and {wanted} (or one voice and noise) would be read."
    )


def strip_part(stem: str, part: MixturePart) -> str:
    """What a file's name says about the mixture: "0001" of "0001_s1" and of "s1_0001"; "fileid_7" at the end (DNS)."""
    if number := re.search(r"fileid_\d+$", stem):
        return number[0]
    name = re.escape(part.name)
    return re.sub(rf"^{name}[_\-. ]+|[_\-. ]+{name}$", "", stem, flags=re.IGNORECASE)


def _styles(parts: Iterable[MixturePart]) -> list[tuple[str, str]]:
    """(word, condition) of the sources, in the order of the names."""
    return sorted({(part.word, part.condition) for part in parts if part.role == SOURCE})


def _sources(parts: Iterable[MixturePart], word: str, condition: str) -> list[MixturePart]:
    found = [part for part in parts if part.role == SOURCE and (part.word, part.condition) == (word, condition)]
    return sorted(found, key=lambda part: part.index)


def _names(parts: Iterable[MixturePart]) -> str:
    return ", ".join(sorted(part.name for part in parts))
