"""How robust the separation is: where the mixture starts (section IV-F), pauses, noise, rooms (V), and more."""

from collections.abc import Iterable

import streamlit as st

import tasnet
from pages.parts import links, models, own_model, workspace
from pages.parts.captions import caption
from pages.parts.handout import offer_handout, shown
from pages.parts.page_header import show_header
from pages.parts.start_point.conditions import show_conditions
from pages.parts.start_point.pauses import show_pauses
from pages.parts.start_point.probe import show_probe
from pages.parts.start_point.starts import show_set, show_sound
from pages.parts.text import plain
from tasnet.errors import UserError
from tasnet.mixture import Mixture
from tasnet.model_titles import voices_in_words
from tasnet.training_facts import SPEECH_FROM_NOISE

SET, CONDITIONS = "A test set", "Conditions"
OF_A_SOUND = {
    "This sound": show_sound,
    CONDITIONS: show_conditions,
    "Pauses": show_pauses,
    "Probe": show_probe,
}
VIEWS = ["This sound", SET, CONDITIONS, "Pauses", "Probe"]
EARLIER = {"Noise": CONDITIONS, "Reverberation": CONDITIONS}
MOST_MODELS = 3


def choose_models() -> list[str]:
    """The models to compare: at first the sidebar's, and another that is causal where that is not."""
    mine, known = workspace.separator(), shown_titles()
    if "start_models" not in st.session_state:
        asked = {models.linked(one, known) for one in st.query_params.get_all("start_models")}
        linked = [name for name in known if name in asked]
        st.session_state.start_models = linked[:MOST_MODELS] or [
            workspace.selection().model,
            *_counterpart(mine, known),
        ]
    return st.multiselect(
        "Models",
        known,
        format_func=known.__getitem__,
        max_selections=MOST_MODELS,
        key="start_models",
        bind="query-params",
        persist_state="session",
        help="The same sounds for each; causal models hear only what has been.",
    )


def shown_titles() -> dict[str, str]:
    """{model: what it is called in the list}, the session's own too."""
    own = own_model.path()
    return models.plain_titles(models.names()) | ({own: own_model.own_label(own)} if own else {})


def _counterpart(mine: tasnet.Separator, known: Iterable[str]) -> list[str]:
    for name in known:
        try:
            config = workspace.separator(name).config
            if config.causal != mine.config.causal and config.C == mine.config.C:
                return [name]
        except UserError:  # a damaged file is no reason to show nothing
            continue
    return []


def usable(chosen: list[str], sound: Mixture | None) -> list[str]:
    """Those of the models that load and give what `sound` is made of; of the others a sentence says why not."""
    good = []
    for name in chosen:
        try:
            separator = workspace.separator(name)
        except UserError as problem:
            st.error(plain(problem), icon=":material/error:")
            continue
        if sound is None or sound.suits(separator.facts.task, separator.config.C):
            good.append(name)
        else:
            st.warning(f"{plain(shown_titles()[name])} {_unsuited(separator, sound)}.")
    return good


def _unsuited(separator: tasnet.Separator, sound: Mixture) -> str:
    """Why a model is left out."""
    if SPEECH_FROM_NOISE not in (sound.task, separator.facts.task):
        return f"{voices_in_words(separator.config.C)}, this sound has {len(sound.references)}"
    if sound.task == SPEECH_FROM_NOISE:
        return "separates voices, this sound is speech in noise"
    return "takes speech out of noise, this sound is a mixture of voices"


def explain_missing(chosen: list[str]) -> None:
    """Say why the network that the paper's Fig. 4 compares with is not here."""
    if not any(isinstance(workspace.separator(name).model, tasnet.LSTMTasNet) for name in chosen):
        caption(
            ":material/info: The paper's Fig. 4 has LSTM-TasNet too, which it finds far more sensitive. Its trained "
            "weights are not published, and none come with this app: so causal and non-causal Conv-TasNet stand side "
            "by side. Network and recipes are ready: `python -m tasnet.train lstm` at the paper's 32 M parameters, "
            "`assets/recipes/lstmtasnet_4x256_2spk_8k.toml` at 2 M for a processor; weights put into assets/weights "
            "appear here."
        )


show_header("Start point", "Does the separation depend on where the mixture starts, and what upsets it?")
view = links.choose_view("start_view", VIEWS, EARLIER)
sound = None if view == SET else workspace.chosen_sound()
chosen = choose_models()
if view == SET:
    if chosen := usable(chosen, None):
        show_set(chosen)
        explain_missing(chosen)
elif sound is not None:
    if sound.references is None:
        st.info(
            "Scores need the clean voices: choose an example, mix voices, or add the clean voices to your upload.",
            icon=":material/info:",
        )
    elif chosen := usable(chosen, sound):
        try:
            OF_A_SOUND[view](chosen, sound)
            if view == VIEWS[0]:
                explain_missing(chosen)
        except UserError as problem:
            st.error(plain(problem), icon=":material/error:")
if shown().pictures:
    offer_handout(chosen, sound=view != SET)
