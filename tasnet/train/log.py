"""The log of a run: one JSON object a line, in `log.jsonl`."""

import json
from pathlib import Path

from tasnet.atomic import replacing
from tasnet.errors import opening
from tasnet.typed import json_lines

from .events import EventFiles

END = "end"  # the event of a completed run


def read_log(path: str | Path) -> list[dict]:
    """The records of a run, oldest first; a last line that is still being written is left out.

    Every record has "event" and "step". "train": loss (dB, but for Chimera++), learning_rate, gradient_norm,
    audio_seconds_per_second, seconds. "epoch": epoch, loss (mean of the epoch), valid_si_snri (dB,
    or null), best_si_snri, learning_rate, seconds. "start": recipe, data, device, precision. "begin":
    valid_si_snri of the weights that a run begins from. "end": best_si_snri, seconds; the run is through.
    """
    path = Path(path)
    if not path.is_file():
        return []
    with opening(path):
        return json_lines(path.read_text())


class Log:
    """Writes records, and their figures as event files; each record is on the disk when `write` returns."""

    def __init__(self, path: Path, step: int):
        """Goes on with the log at `path` from `step`: what a killed run wrote later is dropped, for
        it happens again."""
        kept = [record for record in read_log(path) if record["step"] <= step] if step else []
        with replacing(path) as unfinished:
            unfinished.write_text("".join(json.dumps(record) + "\n" for record in kept))
        self.path = path
        self._events = EventFiles(Path(path).parent, step)

    def write(self, event: str, step: int, **values: object) -> None:
        with opening(self.path, "be written"), self.path.open("a") as file:
            file.write(json.dumps({"event": event, "step": step, **values}) + "\n")
        self._events.write(event, step, values)

    def close(self) -> None:
        """The run ends, or rests."""
        self._events.close()
