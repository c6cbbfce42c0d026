"""What the trainings of the networks on mel spectrograms (`tasnet.mel_trunk`) do alike."""

from collections.abc import Callable
from typing import TypeVar

import librosa
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tasnet.mel_trunk import BANDS, FRAME, RATE, MelTrunk
from tasnet.train.machine import find_machine

Network = TypeVar("Network", bound=MelTrunk)
PEAK_RATE, WARM_UP, DECAY, AVERAGED = 2e-3, 200, 0.02, 0.998  # WARM_UP in steps


def new_network(kind: type[Network]) -> Network:
    """One that has learned nothing yet."""
    torch.manual_seed(0)
    return kind(torch.from_numpy(librosa.filters.mel(sr=RATE, n_fft=FRAME, n_mels=BANDS, fmin=50.0)))


class MelTraining:
    """Steps of AdamW on a network, in bfloat16 where that is faster, and the moving average of its weights."""

    def __init__(self, network: MelTrunk, steepest: float) -> None:
        """steepest: the norm to which gradients are cut."""
        network.bands.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # where bfloat16 is fast
        self.network, self.steepest, self._machine = network, steepest, find_machine("cpu")
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=DECAY)
        self._averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED), use_buffers=True)

    @property
    def parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        """What a training that goes on needs the states of."""
        return {"network": self.network, "optimiser": self._optimiser, "averaged": self._averaged}

    def step(self, loss_of: Callable[[], Tensor], share: float) -> None:
        """One step down `loss_of`, at this share of the peak rate."""
        for group in self._optimiser.param_groups:
            group["lr"] = PEAK_RATE * share
        with self._machine.autocast():
            loss = loss_of()
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.steepest)
        self._optimiser.step()
        self._averaged.update_parameters(self.network)

    def take_average(self) -> None:
        """Give the network the averaged weights, ready to listen."""
        self.network.load_state_dict(self._averaged.module.state_dict())
        self.network.eval()


def pinball(found: Tensor, truth: Tensor, tails: Tensor) -> Tensor:
    """The mean loss of the quantiles `tails` (Q,): found (n, Q), truth (n, 1)."""
    error = truth - found
    return torch.maximum(tails * error, (tails - 1) * error).mean()
