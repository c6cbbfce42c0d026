"""Separation while people speak: in the browser, of a sound as if it were live, and the times of Table VIII."""

import math
import uuid
from typing import cast

import numpy as np
import pandas as pd
import streamlit as st

import tasnet
from analysis.figures import speed as figures
from analysis.network import speed
from analysis.network.live import LiveRun
from analysis.paper import TABLE_VIII
from pages.parts import models, workspace
from pages.parts.captions import caption
from pages.parts.live_player import live_player
from pages.parts.page_header import show_header
from pages.parts.pictures import data_table, picture
from pages.parts.talk import talk
from pages.parts.text import plain
from tasnet import ConvTasNet, checkpoint
from tasnet.audio import resample
from tasnet.mixture import Mixture

LONGEST = 120  # s of a sound that are played live
POLL = 0.25  # s between two updates from a live run
PACKETS = {"One frame": 0.0, "8 ms": 0.008, "32 ms": 0.032}


@st.cache_data(show_spinner=False)
def is_causal(path: str, modified: int) -> bool:
    model = checkpoint.load(path)[0]
    return isinstance(model, ConvTasNet) and model.config.causal


def offer_causal_models() -> None:
    """What to do where the chosen model needs the whole sound first."""
    st.info(
        "Only a causal Conv-TasNet is heard live here: this model needs what comes later, or is another network.",
        icon=":material/info:",
    )
    causal = [name for name, path in tasnet.available().items() if is_causal(str(path), path.stat().st_mtime_ns)]
    for name, title in models.scored_titles(causal).items():
        st.button(
            f"Use {plain(title)}",
            icon=":material/bolt:",
            type="primary" if name == causal[0] else "secondary",
            on_click=st.session_state.update,
            kwargs={"model": name},
            key=f"use_{name}",
        )


def live_mixture(sound: Mixture, rate: int) -> np.ndarray:
    """The mixture at the model's rate, as far as it is played live."""
    if len(sound.mixture) > LONGEST * sound.rate:
        st.caption(f"The first {LONGEST} s are played live.")
    return resample(sound.mixture[: LONGEST * sound.rate], sound.rate, rate)


def show_live(sound: Mixture) -> None:
    """Start, stop and the picture of the current run."""
    separator = workspace.separator()
    model = cast(tasnet.ConvTasNet, separator.model)
    config = model.config
    mixture = live_mixture(sound, config.sample_rate)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        packet = st.segmented_control("Packet", list(PACKETS), default="8 ms", required=True, key="live_packet")
        start = st.button("Start", icon=":material/play_arrow:", type="primary", key="live_start")
        stop = st.button("Stop", icon=":material/stop:", key="live_stop")
    preparing = st.empty()  # always there: what came and went would move the player, and the browser make it anew
    name, run = st.session_state.get("live", (None, None))
    if run and (start or stop):
        run.stop()
    if start:
        with preparing, st.spinner("Preparing ..."):
            size = max(config.hop, round(PACKETS[packet] * config.sample_rate))
            run = LiveRun(model, mixture, size).start()
        name = uuid.uuid4().hex
        st.session_state.live = (name, run)
    caption(
        "The sound comes in packets, as from a microphone; each voice is ready soon after. Choose a row "
        f"to hear it. Algorithmic latency: a sample waits at most for the {config.L} samples of its frame, "
        f"{1000 * config.L / config.sample_rate:g} ms. A recording from the sidebar (Mic) is played in the same way."
    )
    if run:
        polling = run.running
        st.fragment(follow, run_every=POLL if polling else None)(run, name, polling)


def follow(run: LiveRun, name: str, polling: bool) -> None:
    live_player(run, name, key="live_player")
    if polling and not run.running:
        st.rerun()


def speed_table(times: list[speed.TimePerFrame]) -> pd.DataFrame:
    """The measurements, then the paper's."""
    columns = ["Network", "How", "On", "Median (ms)", "99 % (ms)", "Hop (ms)", "Frame (ms)", "Real-time factor"]
    measured = [
        (one.network, one.way, one.device, one.median, one.p99, one.hop, one.frame, one.real_time_factor)
        for one in times
    ]
    printed = [
        (f"{row.method} (the paper)", "average", device, value, *[math.nan] * 4)
        for row in TABLE_VIII.rows
        for device, value in ((figures.PAPER_CPU, row.cpu_ms), (figures.PAPER_GPU, row.gpu_ms))
    ]
    return pd.DataFrame(measured + printed, columns=columns)


def show_speed() -> None:
    """Table VIII on this machine."""
    separator = workspace.separator()
    st.markdown("## Time per frame")
    caption(
        "What the network takes for one frame of sound. On one CPU thread and on a GPU where there is one; all ways "
        "take turns. To stay in time it must be less than the hop, the step from one frame to the next. The networks "
        "at the paper's size have random weights: these take the same time."
    )
    if st.button("Measure here", icon=":material/timer:", key="measure_speed"):
        st.session_state.speed_run = st.session_state.get("speed_run", 0) + 1
    times: list[speed.TimePerFrame] | None = []
    if number := st.session_state.get("speed_run"):
        devices = [name for name in tasnet.devices() if name == "cpu" or name.startswith("cuda")]
        networks = {separator.name: separator.model, **{n: make() for n, make in speed.PAPER_NETWORKS.items()}}
        times = workspace.with_progress(
            ("speed", separator.name, number),
            "Measuring",
            30,
            lambda progress: speed.time_per_frame(speed.on_devices(networks, devices), progress),
        )
    if times is not None:
        picture(figures.speed_chart(times), "Time of a frame, by device and number of threads", key="speed")
        table = speed_table(times)
        numbers = {name: st.column_config.NumberColumn(format="%.3g") for name in table.columns[3:]}
        data_table(table.to_dict("records"), column_config=numbers, placeholder="–")


show_header("Live", "Can two people who talk at once be heard apart while they are still speaking? (Table VIII)")
talk(key="talk")
st.caption("The network runs in this browser; the server hears nothing but what you send it.")
st.markdown("## The chosen sound, as if it were live")
st.caption("Here the server's processor works, packet by packet, at a microphone's pace.")
workspace.describe_sound()
if (chosen := workspace.chosen_sound()) is not None:
    model = workspace.separator().model
    if isinstance(model, ConvTasNet) and model.config.causal:
        show_live(chosen)
    else:
        offer_causal_models()
show_speed()
