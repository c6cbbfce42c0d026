"""Start every mixture of a set at different samples, as in Fig. 4B; what was already done is kept.

The results of a model on a set are a file of JSON lines: first the `SetHeader`, then an object a mixture.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from analysis.corpus.evaluation import spread_evenly
from tasnet import Separator
from tasnet.atomic import make_folder, replacing
from tasnet.data.corpora import BadRow, MixtureSet, explain_mixtures, open_mixtures
from tasnet.errors import opening
from tasnet.locks import WriterLock
from tasnet.typed import fitted, from_plain

from .shifts import StartPointError, standard_deviation, vary_start

FOLDER = Path("runs") / "start_point"
SHIFTS = tuple(range(0, 671, 61))  # samples: 11 starts, no two at the same position of a frame


@dataclass(frozen=True)
class SetHeader:
    """Which model was measured on which set of mixtures."""

    model: str
    weights: str  # a hash of the values
    causal: bool
    set: str
    names: str  # a hash of all mixtures' names
    mixtures: int  # in the whole set
    shifts: tuple[int, ...]


@dataclass(frozen=True)
class SetResults:
    """SDRi by mixture and shift.

    sdri: {mixture: (shifts,) dB}; problems: {mixture: why it could not be used}.
    """

    header: SetHeader
    sdri: dict[str, np.ndarray]
    problems: dict[str, str]

    @property
    def deviations(self) -> np.ndarray:
        """(mixtures,) standard deviation of the SDRi over the shifts in dB, of those mixtures that have one."""
        found = np.array([standard_deviation(values) for values in self.sdri.values()])
        return found[np.isfinite(found)]

    @property
    def mean_sdri(self) -> float:
        """dB, over all mixtures and shifts; nan where there is none."""
        values = np.array(list(self.sdri.values()))
        values = values[np.isfinite(values)]
        return float(values.mean()) if values.size else float("nan")


def vary_set(
    mixtures: str | Path | MixtureSet,
    separator: Separator,
    out: str | Path | None = None,
    *,
    split: str = "test",
    limit: int | None = None,
    shifts: Sequence[int] = SHIFTS,
    progress: Callable[[int, int], None] = lambda done, of: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> SetResults:
    """Vary the start of `mixtures`, or of `limit` of them; the results go to the file `out`.

    mixtures: a set, or its folder or list. out: by default runs/start_point/<set>_<model>.jsonl; in a folder, a file of
    that name there. progress: called with the mixtures done and their number; an exception that it raises ends the
    work, and what was done stays in the file. say: called with sentences on how the set was understood. Raises
    CorpusError, StartPointError or Locked (UserErrors).
    """
    if not isinstance(mixtures, MixtureSet):
        mixtures = open_mixtures(mixtures, split=split, speakers=separator.config.C)
    for sentence in explain_mixtures(mixtures):
        say(sentence)
    header = _header(mixtures.name, [row.name for row in mixtures.rows], separator, tuple(shifts))
    path = results_file(out, header)
    make_folder(path.parent)
    chosen = spread_evenly(len(mixtures), limit)
    with WriterLock(path), _taken_up(path, header) as file:
        done = {row["mixture"] for row in _read(path)[1]}
        left = [index for index in chosen if mixtures.rows[index].name not in done]
        for number, index in enumerate(left):
            progress(len(chosen) - len(left) + number, len(chosen))
            row: dict = {"mixture": mixtures.rows[index].name}
            try:
                one = mixtures[index]
                curve = vary_start(separator, one.mixture, one.sources, one.rate, shifts)
                row["sdri"] = [round(value, 4) if np.isfinite(value) else None for value in curve.sdri.tolist()]
            except (BadRow, StartPointError) as problem:
                row["problem"] = str(problem)
            with opening(path, "be written"):
                file.write(json.dumps(row) + "\n")
                file.flush()
    progress(len(chosen), len(chosen))
    return read_set(path)


def results_file(out: str | Path | None, header: SetHeader) -> Path:
    """The file that the results go to: `out`, or one in the folder `out`, by default in `FOLDER`."""
    folder = FOLDER if out is None else Path(out)
    if out is not None and not folder.is_dir():
        return folder
    return folder / f"{header.set}_{header.model}.jsonl".replace("/", "-")


def read_set(path: str | Path) -> SetResults:
    """The results in a file of `vary_set`; a last line that is still being written is left out.

    Raises StartPointError.
    """
    header, rows = _read(Path(path))
    if header is None:
        raise StartPointError(f"{path} is not a file of results of `python -m analysis.start_point`.")
    sdri = {row["mixture"]: np.array(row["sdri"], float) for row in rows if "sdri" in row}
    return SetResults(header, sdri, {row["mixture"]: row["problem"] for row in rows if "problem" in row})


def results_by_set(
    folder: str | Path = FOLDER, readable: Callable[[Path], bool] = Path.is_file
) -> dict[str, dict[str, SetResults]]:
    """{set: {model: results}} of the `readable` files in `folder`, what was measured at other shifts left out."""
    found: dict[str, dict[str, SetResults]] = {}
    for path in filter(readable, sorted(Path(folder).glob("*.jsonl"))):
        try:
            results = read_set(path)
        except StartPointError:
            continue
        if results.header.shifts == SHIFTS and results.sdri:
            found.setdefault(results.header.set, {})[results.header.model] = results
    return found


def weights_name(separator: Separator) -> str:
    """A hash of the values of a network."""
    digest = hashlib.blake2b(digest_size=8)
    for value in separator.model.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()


def _header(name: str, names: list[str], separator: Separator, shifts: tuple[int, ...]) -> SetHeader:
    return SetHeader(
        model=separator.name,
        weights=weights_name(separator),
        causal=separator.config.causal,
        set=name,
        names=hashlib.blake2b("\n".join(names).encode(), digest_size=8).hexdigest(),
        mixtures=len(names),
        shifts=shifts,
    )


def _read(path: Path) -> tuple[SetHeader | None, list[dict]]:
    """Header and rows of the file, up to its last whole line; None where it is something else."""
    lines = []
    if not path.is_file():
        return None, []
    try:
        for line in path.read_text().splitlines():
            lines.append(json.loads(line))
        header, *rows = lines
    except (OSError, UnicodeDecodeError):
        return None, []
    except (ValueError, RecursionError):  # the last line of a killed run, or no line at all
        header, *rows = lines or [None]
    try:
        header = from_plain(SetHeader, header)
    except ValueError:
        return None, []
    return (header, rows) if all(_is_row(row, len(header.shifts)) for row in rows) else (None, [])


def _is_row(row: object, shifts: int) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("mixture"), str):
        return False
    try:
        values = fitted("sdri", row.get("sdri"), list[float | None])
    except ValueError:
        return "sdri" not in row and isinstance(row.get("problem"), str)
    return len(values) == shifts and all(one is None or np.isfinite(one) for one in values)


def _empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _taken_up(path: Path, header: SetHeader) -> TextIO:
    """The file of results, opened for appending after it was repaired or created. Raises StartPointError."""
    found, rows = _read(path) if path.exists() and not _empty(path) else (header, [])
    if found is None:
        raise StartPointError(f"{path} is not a file of results of `python -m analysis.start_point`.")
    for field, called in {"model": "model", "weights": "version of the weights", "names": "set of mixtures"}.items():
        if getattr(found, field) != getattr(header, field):
            raise StartPointError(f"{path} holds results of another {called}: give this one a file of its own.")
    if found.shifts != header.shifts:
        raise StartPointError(f"{path} holds results of other shifts: give this one a file of its own.")
    with replacing(path) as unfinished:
        unfinished.write_text("".join(json.dumps(line) + "\n" for line in (asdict(header), *rows)))
    with opening(path, "be written"):
        return path.open("a")
