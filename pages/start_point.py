"""How sturdy the separation is: the sample at which the mixture starts (section IV-F), pauses, noise, rooms (V)."""

import streamlit as st

import tasnet
from pages.parts import frame, own_model, workspace
from pages.parts.start_point.limits import show_limit
from pages.parts.start_point.starts import show_set, show_sound
from pages.parts.text import plain
from tasnet.titles import voices_in_words

SET = "A test set"
VIEWS = {"This sound": "", SET: "", "Pauses": "pause", "Noise": "noise", "Reverberation": "reverberation"}
MOST_MODELS = 3


def choose_models() -> list[str]:
    """The models to compare: at first the sidebar's, and another that is causal where that is not."""
    mine, known = workspace.separator(), list(tasnet.available())
    if own_model.path():
        known.append(own_model.path())
    if "start_models" not in st.session_state:
        linked = [name for name in st.query_params.get_all("start_models") if name in known]
        st.session_state.start_models = linked[:MOST_MODELS] or [
            workspace.selection().model,
            *_counterpart(mine, known),
        ]
    return st.multiselect(
        "Models",
        known,
        format_func=own_model.own_label,
        max_selections=MOST_MODELS,
        key="start_models",
        bind="query-params",
        persist_state="session",
        help="The same sounds for each; causal models hear only what has been.",
    )


def _counterpart(mine: tasnet.Separator, known: list[str]) -> list[str]:
    for name in known:
        try:
            config = workspace.separator(name).config
            if config.causal != mine.config.causal and config.C == mine.config.C:
                return [name]
        except ValueError:  # a damaged file is no reason to show nothing
            continue
    return []


def usable(models: list[str], voices: int | None) -> list[str]:
    """Those of `models` that load and separate so many `voices`; of the others a sentence says why not."""
    good = []
    for name in models:
        try:
            separator = workspace.separator(name)
        except ValueError as problem:
            st.error(str(problem), icon=":material/error:")
            continue
        if voices in (None, separator.config.C):
            good.append(name)
        else:
            st.warning(
                f"{plain(own_model.own_label(name))} {voices_in_words(separator.config.C)}, this sound has {voices}."
            )
    return good


def explain_missing(models: list[str]) -> None:
    """Why the network is not here that the paper's Fig. 4 compares with."""
    if not any(isinstance(workspace.separator(name).model, tasnet.LSTMTasNet) for name in models):
        st.caption(
            ":material/info: The paper's Fig. 4 sets causal Conv-TasNet against LSTM-TasNet, which it finds far more "
            "sensitive to the start. Its trained weights are not published, and none come with this app: 32 M "
            "parameters want a GPU. So causal and non-causal Conv-TasNet stand side by side. Network and recipe are "
            "ready: `python -m tasnet.train lstm` (or `blstm`); weights put into assets/weights appear here."
        )


frame.begin("Start point", "Does the separation depend on where the mixture starts, and what upsets it?")
view = st.segmented_control(
    "View",
    list(VIEWS),
    default="This sound",
    required=True,
    key="start_view",
    bind="query-params",
    label_visibility="collapsed",
)
sound = None if view == SET else workspace.chosen_sound()
models = choose_models()
if view == SET:
    if models := usable(models, None):
        show_set(models)
        explain_missing(models)
elif sound is not None:
    if sound.references is None:
        st.info(
            "Scores need the clean voices: choose an example, mix voices, or add the clean voices to your upload.",
            icon=":material/info:",
        )
    elif models := usable(models, len(sound.references)):
        try:
            if limit := VIEWS[view]:
                show_limit(limit, models, sound)
            else:
                show_sound(models, sound)
                explain_missing(models)
        except ValueError as problem:
            st.error(str(problem), icon=":material/error:")
