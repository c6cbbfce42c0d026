"""The picture and sound of a live separation (assets/web/live/): it grows while the run goes on."""

import base64

import numpy as np
import streamlit as st

from analysis.figures.palette import MIXTURE_COLOUR, speaker_colour
from analysis.network.live import LiveRun

from . import internals
from .listening import speaker_names

REPEATED = 2.0  # s sent again with what is new, in case the browser missed it; at the end everything is sent again


def live_player(run: LiveRun, name: str, *, key: str) -> None:
    """Show where `run`, called `name`, stands. Called again and again, it sends the browser what is new."""
    running, finished, samples = run.running, run.finished, run.samples
    sent = st.session_state.setdefault(f"{key}_sent", {}).setdefault(name, 0)
    first = max(0, sent - round(REPEATED * run.rate)) if running else 0
    st.session_state[f"{key}_sent"] = {name: samples}
    signals = np.vstack([run.mixture[None, first:samples], run.sources[:, first:samples]])
    scale = max(float(np.abs(signals).max(initial=0.0)), 1e-9) / 32767
    packets = slice(first // run.packet, finished)
    data = {
        "run": name,
        "names": ["Mixture", *speaker_names(len(run.sources))],
        "colours": [MIXTURE_COLOUR, *(speaker_colour(speaker) for speaker in range(len(run.sources)))],
        "rate": run.rate,
        "size": run.packet,
        "total": len(run.mixture),
        "full": max(float(np.abs(run.mixture).max(initial=0.0)), 1e-6),
        "first": first,
        "length": samples - first,
        "scale": scale,
        "signals": [base64.b64encode(np.rint(row / scale).astype("<i2").tobytes()).decode() for row in signals],
        "packet": packets.start,
        "milliseconds": run.milliseconds[packets].round(4).tolist(),
        "delays": run.delays[packets].round(4).tolist(),
        "late": run.late,
        "running": running,
        "stopped": run.stopped,
    }
    internals.web_component("live", "live/live.js", "live/live", framed=True)(key=key, data=data)
