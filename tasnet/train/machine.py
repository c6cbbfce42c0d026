"""Where training runs: the device, its precision, the compiler, the processes of a distributed run."""

import os
import signal
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from tasnet.model import ConvTasNet, MaskingNetwork

from .mixing import Share
from .recipe import RecipeError


@dataclass(frozen=True)
class Machine:
    """What one process computes with."""

    device: torch.device
    precision: torch.dtype  # of the network's matrix products; norms and loss are float32
    share: Share

    @property
    def name(self) -> str:
        """The device's name."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return "CPU" if self.device.type == "cpu" else str(self.device)

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.share.rank == 0

    def autocast(self) -> AbstractContextManager:
        mixed = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision, enabled=mixed)

    def average(self, gradient: Tensor) -> None:
        """Replaces a vector by its mean over all processes."""
        if self.share.world > 1:
            dist.all_reduce(gradient)
            gradient /= self.share.world

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes."""
        if self.share.world == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return sums.tolist()

    def agree(self, values: Sequence[float]) -> list[float]:
        """The leading process's values, for all: clocks differ."""
        if self.share.world == 1:
            return list(values)
        agreed = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(agreed, 0)
        return agreed.tolist()

    def from_leader(self, value: dict | None) -> dict | None:
        """The leading process's state, for all: only that process needs to see the run's folder."""
        if self.share.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, 0)
        return box[0]


def find_machine(device: str = "auto", precision: str = "auto") -> Machine:
    """device: "auto", "cpu", "cuda", "cuda:1"; precision as in a recipe. Raises RecipeError.

    A process that `torchrun` started joins the others; each takes a GPU of its own.
    """
    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and world > 1:
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise RecipeError(f"The device {device} cannot be used here.") from error
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
        torch.set_float32_matmul_precision("high")  # ten bits of mantissa; bfloat16 has seven
    if world > 1 and not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo")
    lower = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(chosen))
    return Machine(chosen, torch.bfloat16 if lower else torch.float32, Share(rank, world))


def leave_group() -> None:
    """End several processes together: one that exits while another still talks to it would abort the other."""
    if dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device is faster at products in bfloat16: among CPUs, those with a matrix unit are."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16"))


def compile_blocks(model: MaskingNetwork, device: torch.device) -> str:
    """Compile the 1-D conv blocks, or say in one sentence why that is impossible."""
    if not isinstance(model, ConvTasNet):
        return "Only Conv-TasNet is compiled."
    try:
        torch.compile(lambda x: 2 * x + 1)(torch.ones(4, device=device))
    except Exception as error:  # whatever a missing or broken compiler raises
        return not_compiled(error)
    # One variant for each dilation, and one for the first block, whose skip sum needs no gradient.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 2 * model.config.X + 2)
    for block in model.blocks():
        block.compile(dynamic=False)
    return ""


def forget_compiled(model: MaskingNetwork) -> None:
    """The blocks as they were before `compile_blocks`."""
    for block in model.blocks() if isinstance(model, ConvTasNet) else ():
        block._compiled_call_impl = None


def not_compiled(error: Exception) -> str:
    """The sentence for a compiler that raised `error`."""
    reason = str(error).strip().splitlines()
    return f"Not compiled, so slower: {reason[0].rstrip('.') if reason else type(error).__name__}"


class StopSignal:
    """Records a request to end (SIGTERM, Ctrl-C), so that the state can be written first."""

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> "StopSignal":
        self.previous = {}
        if threading.current_thread() is threading.main_thread():
            self.previous = {s: signal.signal(s, self._ask) for s in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True
