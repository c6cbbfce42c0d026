"""Separate a sound as if it were arriving: packet by packet, at the pace of a microphone."""

import threading
import time

import numpy as np
import torch

from tasnet import threads
from tasnet.below_speech import SteadySoFar
from tasnet.level import CausalLevel
from tasnet.model import ConvTasNet
from tasnet.streaming import StreamingConvTasNet

ABANDONED = 60.0  # s: a run that nobody asks about for this long ends


class LiveRun:
    """One causal network that hears `mixture` (T,) live, in packets of `packet` samples.

    A packet arrives when its last sample would have been recorded; then it is separated, on one thread. It is late
    where the voices are ready only after the next packet has arrived: played without a reserve, they would break off.
    While the run goes on, its figures may be read at any time; the first `finished` of each are there.

    mixture: (T,), without an offset as far as it has been heard (`below_speech`). sources: (C, T), at the level at
    which the sum of what has been heard so far fits the mixture best; the first `samples` of each are there.
    milliseconds: what the network took for a packet. delays: ms from the arrival of a packet to its voices.
    """

    def __init__(self, model: ConvTasNet, mixture: np.ndarray, packet: int) -> None:
        self.mixture, self.packet, self.rate = np.array(mixture, np.float32), packet, model.config.sample_rate
        self.packets = -(-len(self.mixture) // packet)
        self.sources = np.zeros((model.config.C, len(self.mixture)), np.float32)
        self.milliseconds, self.delays = np.zeros(self.packets), np.zeros(self.packets)
        self.finished = self.samples = 0
        self._stream, self._offset = StreamingConvTasNet(model), SteadySoFar(self.rate)
        self._level = CausalLevel(model.config.C, self.rate)
        self._device = model.V.device
        self._ended, self._asked = threading.Event(), time.monotonic()
        self.stopped = False  # before its end
        with threads.single_threaded():  # what is compiled at the first call is not part of the run
            self._push(np.zeros(packet, np.float32))
        self._stream.reset()

    def start(self) -> "LiveRun":
        """Begin to hear; returns at once."""
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def stop(self) -> None:
        self.stopped = self.stopped or not self._ended.is_set()
        self._ended.set()

    @property
    def running(self) -> bool:
        """Whether more is to come. Asking keeps the run alive."""
        self._asked = time.monotonic()
        return not self._ended.is_set()

    @property
    def late(self) -> int:
        """Packets so far whose voices came after the next packet."""
        return int((self.delays[: self.finished] > 1000 * self.packet / self.rate).sum())

    def _run(self) -> None:
        length, began = self.packet / self.rate, time.perf_counter()
        try:
            with threads.single_threaded():
                for number in range(self.packets):
                    arrival = began + (number + 1) * length
                    if self._ended.wait(max(0.0, arrival - time.perf_counter())):
                        return
                    if time.monotonic() - self._asked > ABANDONED:
                        return
                    part = slice(number * self.packet, (number + 1) * self.packet)
                    started = time.perf_counter()
                    piece = self.mixture[part] = self._offset.push(self.mixture[part])
                    voices = self._push(piece)
                    self.milliseconds[number] = 1000 * (time.perf_counter() - started)
                    self._keep(voices)
                    self.delays[number] = 1000 * (time.perf_counter() - arrival)
                    self.finished = number + 1
                self._keep(self._stream.flush()[0].cpu().numpy())
        finally:
            self._ended.set()

    def _push(self, piece: np.ndarray) -> np.ndarray:
        return self._stream.push(torch.from_numpy(piece)[None].to(self._device))[0].cpu().numpy()

    def _keep(self, voices: np.ndarray) -> None:
        part = slice(self.samples, self.samples + voices.shape[1])
        self.sources[:, part] = self._level.apply(voices, self.mixture[part])
        self.samples = part.stop
