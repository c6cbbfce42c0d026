"""The log's figures for TensorBoard, in event files beside it: `tensorboard --logdir runs`.

Written by tensorboardX, which needs no TensorFlow; without it there is only the log, which has everything.
"""

from collections.abc import Mapping
from pathlib import Path

# Event of the log -> its figures, each under the name by which TensorBoard groups it.
TAGS = {
    "train": {
        "loss": "train/loss_dB",
        "learning_rate": "train/learning_rate",
        "gradient_norm": "train/gradient_norm",
        "audio_seconds_per_second": "train/audio_seconds_per_second",
    },
    "epoch": {"loss": "epoch/loss_dB", "valid_si_snri": "valid/si_snri_dB", "best_si_snri": "valid/best_si_snri_dB"},
    "begin": {"valid_si_snri": "valid/si_snri_dB"},
}
FLUSH_SECONDS = 10


class EventFiles:
    """Event files in `folder` that continue from `step`; what a killed run wrote later is not shown."""

    def __init__(self, folder: Path, step: int) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            self._writer = None
            return
        self._writer = SummaryWriter(str(folder), purge_step=step or None, flush_secs=FLUSH_SECONDS)

    def write(self, event: str, step: int, values: Mapping[str, object]) -> None:
        """Write the figures of a record of the log."""
        if self._writer is None:
            return
        for name, tag in TAGS.get(event, {}).items():
            if isinstance(value := values.get(name), int | float):
                self._writer.add_scalar(tag, value, step)
        if event != "train":
            self._writer.flush()

    def close(self) -> None:
        """Flush everything to disk."""
        if self._writer is not None:
            self._writer.close()
