"""Designs: the size, receptive field and cost that hyper-parameters give, beside the paper's (Tables I to III)."""

import streamlit as st

from analysis import paper
from analysis.figures import designs as figures
from analysis.figures import flowchart
from analysis.network import cost
from analysis.network.designs import LaterSystem, later_systems, printed_designs
from analysis.words.say import quantity
from pages.parts.captions import caption
from pages.parts.designs import controls
from pages.parts.page_header import show_header
from pages.parts.pictures import data_table, drawing, picture
from pages.parts.text import plain
from tasnet import ConvTasNetConfig, DeviceError
from tasnet.train.recipes import training_command

BASES = {"paper": "The paper's (100 epochs)", "short": "Short (40 epochs)", "small": "Small data (3 hours an epoch)"}


@st.cache_resource(max_entries=64, show_spinner="Measuring on this machine ...")
def timed(config: ConvTasNetConfig, device: str) -> cost.Timing:
    return cost.measure(config, device)


def short_duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def show_figures(config: ConvTasNetConfig) -> None:
    """What is known about the design without running it."""
    memory = cost.memory(config)
    facts = {
        "Parameters": (
            quantity(cost.parameters(config)),
            f"The paper's model size: {quantity(memory.weights, 'B')} in float32.",
        ),
        "Receptive field": (
            f"{config.receptive_field:.2f} s",
            f"{config.receptive_field_frames} frames, by the convolutions. The norms look further: gLN at the whole "
            "sound, cLN at everything so far.",
        ),
        "Multiply-adds / s": (
            quantity(cost.multiply_adds(config)),
            "For a second of sound: products of convolutions and matrices.",
        ),
        "Memory / s": (
            quantity(memory.separating, "B"),
            "Working memory for each second of sound that is separated at once (30 s at most), in float32.",
        ),
    }
    with st.container(horizontal=True):
        for name, (value, explanation) in facts.items():
            st.metric(plain(name), value, border=True, help=explanation, width=170)


def show_time(config: ConvTasNetConfig) -> None:
    """The measured time, once requested: it stays while the page is open, for everyone on this server."""
    device = st.session_state.device
    key = repr(("design_measured", config, device))
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Measure the time on this machine", icon=":material/timer:", key="design_measure"):
            st.session_state[key] = True
        if not st.session_state.get(key):
            return
        try:
            found = timed(config, device)
        except DeviceError as problem:
            st.error(plain(problem), icon=":material/error:")
            return
        st.markdown(
            f"**{short_duration(found.seconds)}** for a second of sound: real time × {1 / found.seconds:.2g}",
            width="stretch",
        )
    caption(
        f"Median of {found.rounds} separations, {short_duration(found.fastest)} to {short_duration(found.slowest)}. Of "
        f"{found.sound:.2f} s of noise with random weights on {found.device} ({found.threads} threads). Training keeps "
        f"{quantity(found.training, 'B')} for each second of sound in a batch (float32, uncompiled)."
    )


def show_parts(config: ConvTasNetConfig) -> None:
    parts, frames = cost.parts(config), cost.frames_per_second(config)
    weights, sums = cost.parameters(config), sum(part.multiply_adds for part in parts)
    data_table(
        [
            {
                "Part": part.name,
                "Size": part.size,
                "Parameters": f"{part.parameters:,}",
                "Share of parameters": part.parameters / weights,
                "Multiply-adds a second": quantity(part.multiply_adds * frames) if part.multiply_adds else "–",
                "Share of multiply-adds": part.multiply_adds / sums,
            }
            for part in parts
        ],
        column_config={
            f"Share of {what}": st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
            for what in ("parameters", "multiply-adds")
        },
        key="design_parts",
    )


def show_paper(config: ConvTasNetConfig | None) -> None:
    designs = printed_designs()
    chosen = next((design.recipe for design in designs if design.config == config), None)
    size = cost.parameters(config) / 1e6 if config else paper.TABLE_II.rows[0].model_size

    def set_to(point: dict) -> None:
        if (place := point["customdata"][0]) >= 0:  # a row of the paper, no later system
            controls.set_to(designs[place])

    picture(
        figures.size_and_score(designs, size, chosen, later_systems()),
        "SI-SNRi of the paper's networks and of later ones over their size, coloured by receptive field; a dotted line "
        "at this design",
        key="design_scores",
        on_click=set_to,
        chosen=False,
    )
    caption(
        "The rows of Tables II and III, scored on WSJ0-2mix: a click sets the sliders to one. The dotted line is the "
        "size of your design; its score shows only in training. Table III names no sizes: II.2's are taken, whose "
        "scores agree. Stars: what came after."
    )


def show_later() -> None:
    best = ConvTasNetConfig()  # the paper's
    conv_tasnet = cost.multiply_adds(best) / cost.parameters(best) / 1e3

    def work(system: LaterSystem) -> float:
        """Multiply-adds for each parameter and second."""
        return (system.multiply_adds or 0) / system.model_size

    costliest = max(later_systems(), key=work)
    data_table(
        [
            {
                "System": system.name,
                "Year": str(system.year),
                "Parameters": f"{system.model_size:.{2 if system.model_size < 1 else 1}f} M",
                "Multiply-adds / s": "–" if system.multiply_adds is None else f"{system.multiply_adds:.3g} G",
                "SI-SNRi (dB)": f"{system.si_snri:.1f}",
                "On": system.corpus,
                "Link": system.link,
                "Figures from": system.source,
            }
            for system in later_systems()
        ],
        column_config={
            "Link": st.column_config.LinkColumn(display_text=r"https://(?:arxiv\.org/abs|github\.com)/([^/]*)")
        },
        key="design_later",
    )
    caption(
        "Scores are as printed there. Sizes and multiply-adds of DPRNN-TasNet, SuDoRM-RF and SepFormer are counted, "
        "others printed. Of all these DPRNN-TasNet runs here, from asteroid's checkpoints (“Try your own weights”); no "
        "weights of it come along. Scores on different sets do not compare. Nor does a size tell the cost: for each "
        f"parameter {plain(costliest.name)} does {work(costliest) / conv_tasnet:.0f} times the work of the paper's "
        "best Conv-TasNet."
    )


def show_command(config: ConvTasNetConfig) -> None:
    based_on = st.segmented_control(
        "Recipe", list(BASES), format_func=BASES.__getitem__, default="paper", required=True, key="design_recipe"
    )
    st.code(training_command(config, based_on), language="bash", wrap_lines=True)
    caption(
        "TRAIN is a folder of mixtures or of speakers' recordings, VALID one of mixtures. The "
        "same command goes on with a run that was stopped."
    )


show_header("Designs", "How large, how far-sighted and how costly is a Conv-TasNet of these sizes? (Tables I to III)")
left, right = st.columns([2, 3], gap="large")
with left:
    design = controls.choose_design()
with right:
    show_paper(design)
if design:
    show_figures(design)
    show_time(design)
    st.markdown("## The network (Fig. 1)")
    drawn, c = flowchart.network(design), design
    name = f"network_N{c.N}_L{c.L}_B{c.B}_H{c.H}_Sc{c.Sc}_P{c.P}_X{c.X}_R{c.R}"
    drawing(drawn, lambda: flowchart.on_paper(drawn), name, key="design_network")
    st.markdown("## Its parts")
    show_parts(design)
    st.markdown("## Train this")
    show_command(design)
st.markdown("## What came after")
show_later()
