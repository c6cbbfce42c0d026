"""Listening tests of existing sounds: webMUSHRA's configuration, a CSV, or a folder for each condition.

webMUSHRA (Schoeffler et al., 2018, https://github.com/audiolabs/webMUSHRA) has one YAML file a test: pages, some under
`random`, of which those of the type `mushra` have a reference and stimuli by condition. A CSV has the columns stimulus,
condition and file. Folders are conditions, the names of the files in them stimuli. The reference is the condition
called reference, ref, clean or original. Anything else is refused with a sentence.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import yaml

from analysis.scores.systems import ANCHOR
from tasnet.audio import Audio, wav

from .stimuli import anchor
from .trials import REFERENCE, RatingsError, Stimulus

REFERENCES = {"reference", "ref", "clean", "original"}
SOUNDS = {".wav", ".flac"}
COLUMNS = {"stimulus", "condition", "file"}
SILENT_PAGES = {"generic", "consent", "volume", "finish"}  # of webMUSHRA: words, or things that every test has here
MOST_SOUNDS = 2000
DEEPEST = 8  # lists of pages in one another
LONGEST_CONFIGURATION = 200_000  # characters
# A text with a colon in it: YAML wants it in quotes, webMUSHRA's reader does not, and its own example has none.
UNQUOTED = re.compile(r"^( *(?:- )?\w+: +)([^ '\"\[{|>&*!#%@`\n][^\n]*: [^\n]*)$", re.MULTILINE)
LEAST_COMMON = 0.98  # of the reference's length that a condition must have at least


@dataclass(frozen=True)
class ImportedPage:
    """One stimulus: its reference and conditions as names of files; `anchored`: a low-passed reference is added."""

    name: str
    reference: str
    conditions: dict[str, str]
    anchored: bool = False


@dataclass(frozen=True)
class ImportedTest:
    """A test as its files have it, and what of them has no counterpart here, a sentence each."""

    title: str
    pages: tuple[ImportedPage, ...]
    notes: tuple[str, ...] = ()

    @property
    def systems(self) -> tuple[str, ...]:
        """What is rated on every page: the hidden reference, the conditions, the anchor."""
        conditions = list(dict.fromkeys(name for page in self.pages for name in page.conditions))
        anchors = [ANCHOR] if any(page.anchored for page in self.pages) else []
        return tuple([REFERENCE, *conditions, *anchors])


def read_webmushra(text: str) -> ImportedTest:
    """The test of a webMUSHRA configuration. Raises RatingsError."""
    if len(text) > LONGEST_CONFIGURATION:
        raise RatingsError("This configuration is longer than any honest one.")
    try:
        known = _loaded(text)
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise RatingsError(f"This is no YAML: {str(problem).splitlines()[0]}.") from None
    if not isinstance(known, dict) or not isinstance(known.get("pages"), list):
        raise RatingsError("A configuration of webMUSHRA has a list of pages, and this has none.")
    pages, notes, unknown = [], [], []
    for page in _pages(known["pages"]):
        kind = str(page.get("type", "")).strip()
        if kind == "mushra":
            pages.append(_mushra_page(page))
            if page.get("createAnchor70"):
                notes.append("The mid anchor at 7 kHz is left out: speech at 8 kHz has nothing above 4 kHz.")
        elif kind not in SILENT_PAGES:
            unknown.append(kind or "none")
    if unknown:
        raise RatingsError(
            f"Pages of the type {_and(set(unknown))} have no counterpart here: only mushra, with {_and(SILENT_PAGES)}."
        )
    title = str(known.get("testname") or "How close to the original does it sound?")
    return _checked(ImportedTest(title, tuple(pages), tuple(dict.fromkeys(notes))))


def _loaded(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        quoted = UNQUOTED.sub(lambda line: f"{line[1]}'{line[2].replace(chr(39), 2 * chr(39))}'", text)
        return yaml.safe_load(quoted)


def _pages(found: Sequence[Any], depth: int = 0) -> Iterator[dict]:
    """The pages of a list, and of the lists in it, which begin with `random` where their order is."""
    for page in found:
        if isinstance(page, list) and depth < DEEPEST:
            yield from _pages(page, depth + 1)
        elif isinstance(page, dict):
            yield page
        elif page not in ("random", "fixed"):
            raise RatingsError(f"{page!r} is no page of webMUSHRA.")


def _mushra_page(page: dict) -> ImportedPage:
    name = str(page.get("id") or page.get("name") or "")
    stimuli, reference = page.get("stimuli"), page.get("reference")
    if not name or not isinstance(reference, str) or not isinstance(stimuli, dict) or not stimuli:
        raise RatingsError(f"The page {name or 'without a name'} lacks its id, its reference or its stimuli.")
    conditions = {str(condition): str(file) for condition, file in stimuli.items()}
    return ImportedPage(name, reference, conditions, bool(page.get("createAnchor35")))


def read_condition_table(text: str) -> ImportedTest:
    """The test of a CSV with the columns stimulus, condition and file. Raises RatingsError."""
    rows = csv.DictReader(io.StringIO(text))
    heads = {head.strip().lower() for head in rows.fieldnames or ()}
    if not heads >= COLUMNS:
        raise RatingsError(f"The columns {_and(COLUMNS)} are needed; there are {_and(heads) or 'none'}.")
    found: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, 2):
        stimulus, condition, file = ((row.get(head) or "").strip() for head in ("stimulus", "condition", "file"))
        if not (stimulus and condition and file):
            raise RatingsError(f"Line {number} lacks its stimulus, condition or file.")
        if condition in found.setdefault(stimulus, {}):
            raise RatingsError(f"Line {number}: {stimulus} has the condition {condition} twice.")
        found[stimulus][condition] = file
    return _of_conditions(found)


def read_condition_folders(files: Sequence[str]) -> ImportedTest:
    """The test of sounds in a folder for each condition: `files` are their paths. Raises RatingsError."""
    found: dict[str, dict[str, str]] = {}
    for file in files:
        path = PurePosixPath(file)
        if path.suffix.lower() in SOUNDS:
            if path.parent == PurePosixPath("."):
                raise RatingsError(f"{file} lies in no folder: every condition is a folder of its own.")
            found.setdefault(path.stem, {})[path.parent.name] = file
    return _of_conditions(found)


def _of_conditions(found: Mapping[str, Mapping[str, str]]) -> ImportedTest:
    pages = []
    for stimulus, files in found.items():
        references = [condition for condition in files if condition.lower() in REFERENCES]
        if len(references) != 1:
            raise RatingsError(f"{stimulus} needs one condition that is called reference (or clean, original, ref).")
        conditions = {condition: file for condition, file in files.items() if condition != references[0]}
        pages.append(ImportedPage(stimulus, files[references[0]], conditions))
    return _checked(ImportedTest("How close to the original does it sound?", tuple(pages)))


def _checked(test: ImportedTest) -> ImportedTest:
    """`test` where every page has every condition once, and no sound plays under two names."""
    if not test.pages:
        raise RatingsError("There is nothing to rate in it: no stimulus was found.")
    names = [page.name for page in test.pages]
    if twice := [name for name in names if names.count(name) > 1]:
        raise RatingsError(f"Two stimuli are called {twice[0]}.")
    if len(test.pages) * len(test.systems) > MOST_SOUNDS:
        raise RatingsError(f"That is more than {MOST_SOUNDS} sounds.")
    conditions = [name for name in test.systems if name not in (REFERENCE, ANCHOR)]
    for page in test.pages:
        if missing := [name for name in conditions if name not in page.conditions]:
            raise RatingsError(f"{page.name} has no {_and(missing)}: every stimulus needs every condition.")
        files = [page.reference, *page.conditions.values()]
        if twice := [file for file in files if files.count(file) > 1]:
            raise RatingsError(f"{page.name} has {twice[0]} under two names: nobody could rate one above the other.")
        if reserved := {REFERENCE, ANCHOR} & page.conditions.keys():
            raise RatingsError(f"No condition can be called {reserved.pop()}: that is added to every page.")
    return test


def imported_stimuli(test: ImportedTest, load: Callable[[str], Audio]) -> list[Stimulus]:
    """Every sound of `test` at its own level, in one channel and as long as its reference; `load` reads a file.

    Raises RatingsError where a page's sounds cannot be switched between: other rates, or lengths further apart.
    """
    found = []
    for number, page in enumerate(test.pages):
        sounds = {name: load(file) for name, file in ({REFERENCE: page.reference} | page.conditions).items()}
        clean = sounds[REFERENCE]
        length = len(clean.samples)
        for name, sound in sounds.items():
            samples = sound.samples
            if sound.rate != clean.rate:
                raise RatingsError(f"{page.name}: {name} has {sound.rate} Hz, the reference {clean.rate} Hz.")
            if not LEAST_COMMON <= len(samples) / max(length, 1) <= 1 / LEAST_COMMON:
                raise RatingsError(
                    f"{page.name}: {name} lasts {len(samples) / sound.rate:.2f} s, the reference "
                    f"{length / clean.rate:.2f} s."
                )
            fitted = np.zeros(length, np.float32)
            fitted[: len(samples)] = samples[:length]
            found.append(Stimulus(number, name, page.name, wav(fitted, clean.rate)))
        if ANCHOR in test.systems:
            low = anchor(clean.samples, clean.rate)
            found.append(Stimulus(number, ANCHOR, page.name, wav(low, clean.rate)))
    return found


def _and(names: Sequence[str] | set[str]) -> str:
    return ", ".join(sorted(map(str, names)))
