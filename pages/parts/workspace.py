"""What a page works on: the selected sound, the loaded model and their separation, each computed once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

import tasnet
from analysis import computing
from analysis.scores import comparison
from analysis.scores.systems import SYSTEMS
from analysis.sounds import examples
from analysis.words.say import duration
from tasnet.errors import UserError
from tasnet.inference import find_checkpoint
from tasnet.kernels.on_cpu import build_meanwhile, fastest_precision
from tasnet.mixture import Mixture

from . import internals, own_model, result_cache, sound_inputs
from .background import BackgroundTask, all_at_once, background
from .budgeted import compute_within_budget, still_wanted
from .text import plain

LONG_SECONDS = 20
LEFT_AFTER = 2.0  # seconds after which the remaining time is shown
SLOW_SECONDS = 10.0  # seconds left, from which on a faster way is offered
LOOK_SECONDS = 0.1  # between two checks on work in the background
ALWAYS_CANCELLABLE = 1e9  # seconds: work this long counts as long, whatever its size
AUTOMATIC = "auto"  # precision: float32 where scores are shown, else whatever is fastest here


@dataclass(frozen=True)
class Selection:
    """What the sidebar's choices amount to in this run."""

    model: str
    device: str
    precision: str = AUTOMATIC  # of the network's products
    sound: Mixture | None = None
    example: str | None = None  # the id of the example that `sound` is, if it is one
    problem: str | None = None  # why there is no sound, for the user
    kind: str | None = None  # of sound, see `sidebar.KINDS`; None where the page needs none
    second: str | None = None  # a model to compare with
    warning: str = ""  # what is wrong with the sound's clean voices, if anything


@st.cache_resource(show_spinner=False)
def build_kernel() -> None:
    """Once per server: build the compiled network in the background, where it can be built and is missing."""
    build_meanwhile()


def select(selection: Selection) -> None:
    """Remember what the sidebar chose, for the page that runs next."""
    st.session_state.selection = selection


def selection() -> Selection:
    """What the sidebar chose in this run."""
    return st.session_state.selection


def chosen_sound() -> Mixture | None:
    """The selected sound, with the inputs for the user's own; where there is none, says why and returns None."""
    chosen = selection()
    if chosen.problem:
        st.error(plain(chosen.problem), icon=":material/error:")
    if chosen.warning:
        st.warning(plain(chosen.warning), icon=":material/info:")
    if chosen.kind in sound_inputs.ROLES:
        sound_inputs.show_sound_inputs(chosen.kind, open_=bool(chosen.problem or chosen.warning))
        if chosen.sound is not None and chosen.sound.notes:
            st.caption(f":material/info: {plain(' '.join(chosen.sound.notes))}")
    return chosen.sound


def example(name: str, snr_db: float) -> Mixture:
    """An example mixed at `snr_db`, decoded once."""
    key = ("example", name, snr_db)
    return result_cache.find_result(key) or result_cache.keep_result(key, examples.mix_example(name, snr_db))


@st.cache_resource(max_entries=4, show_spinner="Loading the model ...")
def _load(model: str, device: str, precision: str) -> tasnet.Separator:
    return tasnet.Separator(model, device, precision)


@st.cache_resource(max_entries=2, scope="session", show_spinner="Loading the model ...")
def _load_own(model: str, device: str, precision: str) -> tasnet.Separator:
    return tasnet.Separator(model, device, precision)


def separator(model: str | None = None, *, scored: bool = True) -> tasnet.Separator:
    """The chosen model, or the one of this name, on the chosen device; one copy serves all sessions.

    scored: whether its output is scored, for which the exact precision is used unless another is chosen. A checkpoint
    that the user brought is loaded for this session alone.
    """
    chosen = selection()
    name = model or chosen.model
    load = _load_own if name == own_model.path() else _load
    found = load(name, chosen.device, chosen.precision)
    if chosen.precision == AUTOMATIC and found.on_cpu and not scored and fastest_precision() != found.precision:
        return load(name, chosen.device, fastest_precision())
    return found


def prepare_sound(model: str, device: str, sound: Mixture) -> None:
    """Before any visit: load the model, and keep for all what it makes of `sound`.

    It is computed apart, as for a visitor: the server itself would keep 120 MB of packed weights and working memory.
    """
    network = _load(model, device, AUTOMATIC)
    found = _separating(sound, network, model)(_unwatched)
    result_cache.keep_for_all(_separation_key(sound, network), found)
    scored = _measuring(_comparing(sound, found, network, ideal=False)(_unwatched))(_unwatched)
    result_cache.keep_for_all((*_comparison_key(sound, network, ideal=False), True), scored)


def _unwatched(*_: Any) -> None:
    """For progress that nobody looks at."""


def _separation_key(sound: Mixture, model: tasnet.Separator) -> tuple:
    return ("separation", result_cache.fingerprint(sound.mixture), model.name, str(model.device), model.precision)


def _comparison_key(sound: Mixture, model: tasnet.Separator, *, ideal: bool) -> tuple:
    """The key of the scores; whether PESQ is among them is added to it."""
    hashes = result_cache.fingerprint(sound.mixture, sound.references)
    return ("comparison", hashes, model.name, str(model.device), model.precision, ideal)


def last_speed() -> float | None:
    """Real-time factor of the last separation in this session."""
    return st.session_state.get("speed")


def _cancel(key: Any, task: BackgroundTask | None) -> None:
    st.session_state.cancelled = key
    _end(task)


def _end(task: BackgroundTask | None) -> None:
    if task is not None:
        background().cancel(task, internals.session_id())


def _apart(
    task: BackgroundTask, compute: Callable[[Callable[..., None]], Any], show: Callable[..., None], key: tuple
) -> Any:
    """The value of `compute`, which goes on if this page is left; ends the run if it was cancelled."""
    work, shown = background().start(task, internals.session_id(), compute), 0
    while not work.over.wait(LOOK_SECONDS):
        show(work.share)
        for part in work.parts[shown:]:
            show(work.share, *part)
            shown += 1
    if work.problem is not None:
        raise work.problem
    if work.unwanted:
        st.session_state.cancelled = key
        st.rerun()
    return work.value


class _Bar:
    """Shows how much is done, and how long the rest will take."""

    def __init__(self, label: str) -> None:
        self._label, self._bar = label, st.progress(0.0, text=f"{label} ...")
        self._shown, self._began = (0.0, ""), time.monotonic()
        self.left = 0.0  # seconds, as far as that can be told

    def show(self, done: float) -> None:
        """Update the bar; ends the run where nobody waits for it any more."""
        passed = time.monotonic() - self._began
        self.left = passed / done * (1 - done) if done > 0 and passed > LEFT_AFTER else 0.0
        words = f" about {duration(self.left)} left" if self.left >= 1 else ""
        if (done, words) == self._shown:
            still_wanted()
            return
        self._shown = (done, words)
        self._bar.progress(min(done, 1.0), text=f"{self._label} ...{words}")


def with_progress(
    key: tuple,
    label: str,
    seconds: float,
    compute: Callable[[Callable[..., None]], Any],
    *,
    stays: bool = False,
    heard: Callable[..., None] | None = None,
    slow: Callable[[Callable[[], None]], None] | None = None,
) -> Any | None:
    """The stored result of `compute(progress)`; with a bar and a cancel button if it takes long.

    A click on cancel reruns the page: the next report of progress then leaves `compute` by an exception of
    Streamlit's, and this run finds its own key cancelled. Returns None when cancelled, and after a
    UserError of `compute`, which the page shows; the bar disappears. With `stays`, `compute` needs nothing of the page,
    and goes on when the page is left while it takes long. heard: gets the parts of the result that `compute` passes to
    `progress` beside the share done. slow: called once, below the bar, where it takes long from then on, with what ends
    the work.
    """
    if (value := result_cache.find_result(key)) is not None:
        return value
    if st.session_state.get("cancelled") == key:
        asked = st.empty()
        with asked.container():
            st.warning(f"{label} was cancelled.", icon=":material/cancel:")
            if not st.button("Start again", key="start_again"):
                return None
        asked.empty()
        st.session_state.cancelled = None
    place = st.empty()
    task = result_cache.background_task(key) if stays and seconds > LONG_SECONDS else None
    with place.container():
        with st.container(horizontal=True, vertical_alignment="center"):
            bar = _Bar(label)
            if seconds > LONG_SECONDS:
                st.button("Cancel", on_click=_cancel, args=(key, task), key="cancel")
        below = st.container()
    offered = slow is None

    def show(done: float, *part: Any) -> None:
        nonlocal offered
        bar.show(done)
        if slow and not offered and bar.left > SLOW_SECONDS:
            offered = True
            with below:
                slow(partial(_end, task))
        if part and heard:
            heard(*part)

    try:
        value = compute(show) if task is None else _apart(task, compute, show, key)
    except UserError as problem:
        place.empty()
        st.error(plain(problem), icon=":material/error:")
        return None
    except Exception:  # what Streamlit ends a run with is not an Exception
        place.empty()
        raise
    result_cache.keep_result(key, value)
    place.empty()
    return value


def known_separation(chosen: Mixture, name: str | None = None) -> tasnet.Separation | None:
    """What `separation` would return, if it is already there."""
    model = separator(name, scored=chosen.references is not None)
    return result_cache.find_result(_separation_key(chosen, model))


def separation(
    chosen: Mixture,
    name: str | None = None,
    heard: Callable[[int, np.ndarray], None] | None = None,
    slow: Callable[[Callable[[], None]], None] | None = None,
) -> tasnet.Separation | None:
    """The separation of the sound by the chosen model, or the one named; None when the user cancelled it.

    heard: called, while it is computed, with the sample at which new voices (C, t) begin. slow: see `with_progress`.
    """
    model = separator(name, scored=chosen.references is not None)
    key, compute = _separation_key(chosen, model), _separating(chosen, model, name)
    found = with_progress(key, "Separating", _seconds(chosen), compute, stays=True, heard=heard, slow=slow)
    if found is not None and name is None:
        st.session_state.speed = found.real_time_factor
    return found


def _seconds(sound: Mixture) -> float:
    return len(sound.mixture) / sound.rate


def _separating(
    sound: Mixture, model: tasnet.Separator, name: str | None
) -> Callable[[Callable[..., None]], tasnet.Separation]:
    """On a CPU, a separate process; a GPU belongs to this server, whose memory holds the network."""
    if model.device.type != "cpu":

        def separate(progress: Callable[..., None]) -> tasnet.Separation:
            heard = lambda begin, voices: progress(0.0, begin, voices)  # noqa: E731
            return model.separate(sound.mixture, sound.rate, progress=progress, heard=heard)

        return separate
    chosen, owner = name or selection().model, internals.session_id()
    path = str(find_checkpoint(chosen))
    ahead = "" if chosen == own_model.path() else f"{model.precision} {path}"
    return lambda progress: compute_within_budget(
        computing.separate_apart,
        path,
        model.precision,
        sound.mixture,
        sound.rate,
        seconds=_seconds(sound),
        owner=owner,
        progress=progress,
        ready=ahead,
    )


def apart(
    function: Callable[..., Any], names: Sequence[str], *arguments: Any, seconds: float
) -> Callable[[Callable[..., None]], Any]:
    """What computes `function(networks, *arguments, progress)` with the models `names`, for so many seconds of sound.

    See `analysis.of_networks`; as `_separating`.
    """
    networks, owner = [separator(name) for name in names], internals.session_id()
    if any(one.device.type != "cpu" for one in networks):
        return lambda progress: function(networks, *arguments, progress=progress)
    named = [(str(find_checkpoint(name)), one.precision) for name, one in zip(names, networks, strict=True)]
    return lambda progress: compute_within_budget(
        computing.with_networks, named, function, *arguments, seconds=seconds, owner=owner, progress=progress
    )


def computed(function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
    """The value of `apart` with the chosen model, for which this run waits. Raises BudgetError, and what it raises."""
    compute = apart(function, [selection().model], *arguments, seconds=seconds)
    return compute(lambda *_: still_wanted())


def compared(
    chosen: Mixture, found: tasnet.Separation, name: str | None = None, *, ideal: bool = True, pesq: bool = True
) -> comparison.Comparison | None:
    """Conv-TasNet and, if `ideal`, the ideal masks on a sound with references, or None when the user cancelled it.

    Without `pesq` it is ready much sooner, and has PESQ if that is already known. name: of another model.
    """
    model = separator(name)
    key = _comparison_key(chosen, model, ideal=ideal)
    if (complete := result_cache.find_result((*key, True))) is not None:
        return complete
    seconds, compute = _seconds(chosen), _comparing(chosen, found, model, ideal=ideal)
    quick = with_progress((*key, False), "Preparing the signals", seconds, compute, stays=True)
    if not pesq or quick is None:
        return quick
    return with_progress((*key, True), "Scoring", seconds, _measuring(quick), stays=True)


def _comparing(
    sound: Mixture, found: tasnet.Separation, model: tasnet.Separator, *, ideal: bool
) -> Callable[[Callable[..., None]], comparison.Comparison]:
    owner = internals.session_id()
    return lambda progress: compute_within_budget(
        computing.compare,
        sound,
        found.sources,
        ideal,
        model.facts.task,
        model.config.system,
        seconds=_seconds(sound) * (len(SYSTEMS) if ideal else 1),
        owner=owner,
        progress=progress,
    )


def _measuring(found: comparison.Comparison) -> Callable[[Callable[..., None]], comparison.Comparison]:
    """What adds PESQ and STOI, which take most of the time: every system by a process of its own, all at once."""
    owner, sound = internals.session_id(), found.mixture
    heard = [
        partial(
            compute_within_budget,
            computing.perceptual_apart,
            row.estimates,
            sound.references,
            sound.rate,
            seconds=_seconds(sound),
            owner=owner,
        )
        for row in found.scored
    ]
    return lambda progress: comparison.add_perceptual(found, all_at_once(heard, progress))


def add_pesq(chosen: Mixture, found: tasnet.Separation, name: str | None = None, *, ideal: bool = True) -> None:
    """Call at the page's end: measure what `compared` without PESQ left out, then show the page with it."""
    model = separator(name)
    known = (*_comparison_key(chosen, model, ideal=ideal), True)
    if result_cache.find_result(known) is None and compared(chosen, found, name, ideal=ideal) is not None:
        st.rerun()


def describe_sound() -> None:
    """In a folded line: who speaks in the selected example, its source and licence, and what was done to it."""
    if (name := selection().example) is None:
        return
    with st.expander("Who speaks: sources, licences, what was changed", icon=":material/info:"):
        st.caption(next(item for item in examples.available_examples() if item.id == name).credits)
        if selection().sound.notes:
            st.caption(" ".join(selection().sound.notes))
