"""What upsets separation: vary one thing at a time on this sound and hear it, with its curves over a test set."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from analysis import of_networks
from analysis.conditions.table import condition_results
from analysis.figures import probes as figures
from analysis.figures.palette import colour_by_model
from analysis.scores.metrics import Scores, output_order
from analysis.scores.systems import MEASURES, PERCEPTUAL
from analysis.start_point.probe_set import ProbeResults, curve, known_results, of_one_set
from analysis.start_point.probes import PROBES, Probe
from analysis.words import probe as words
from analysis.words.say import number, one_scale, short
from pages.parts import result_cache, workspace
from pages.parts.budgeted import still_wanted
from pages.parts.captions import caption
from pages.parts.handout import say
from pages.parts.inside.inspection import excerpt_at_rate
from pages.parts.listening import speaker_names
from pages.parts.models import by_title
from pages.parts.pictures import picture, save_table, sentences, show_rows
from pages.parts.player import Track, player
from pages.parts.text import plain
from tasnet.mixture import Mixture

RUNS = 2  # as much computing as so many separations
SHOWN = {"si_snr": "SI-SNR (dB)"} | {one: MEASURES[one].title for one in one_scale(list(MEASURES))}
PROBE_CHOICE = "probe_name"
BEFORE, AFTER = "as it is", "turned"
NOT_MEASURED = "The models chosen above have not been measured with this over a set: others have."


def show_probe(
    models: list[str], sound: Mixture, probes: Mapping[str, Probe] = PROBES, choice: str = PROBE_CHOICE
) -> None:
    """Choose which of `probes` to vary, and how far; hear it before and after, with the scores; show its curves.

    choice: the key of the widget that chooses.
    """
    sound = excerpt_at_rate(sound, workspace.separator(models[0]))
    name, value = _choose(probes, choice)
    probe = probes[name]
    caption(f"{probe.about} — {probe.source}")
    made = {BEFORE: sound, AFTER: _kept("made", sound, (name, value), of_networks.turned, name, value, sound)}
    voices, scores = {}, {}
    for model in models:
        for state, mixture in made.items():
            if (found := workspace.separation(mixture, model)) is None:
                return
            task = workspace.separator(model).facts.task
            sources = found.sources[output_order(task, found.sources, mixture.sources)]
            voices[model, state] = sources
            of = (model, probe.skip)
            scores[model, state] = _kept("scores", mixture, of, of_networks.voice_scores, name, sources, mixture)
    player(_tracks(made, voices, scores), key="probe_player", spectrograms=False)
    titles = by_title({model: model for model in models})
    shown = {one: title for one, title in SHOWN.items() if probe.speech or one not in PERCEPTUAL}
    means = {at: {title: found.mean(one) for one, title in shown.items()} for at, found in scores.items()}
    said = [
        words.explain_probe(plain(title), probe, value, means[model, BEFORE], means[model, AFTER])
        for title, model in titles.items()
    ]
    say(said, key="probe")
    rows = [
        {"Model": title, "Sound": state if state == BEFORE else words.at_value(probe, value)} | means[model, state]
        for title, model in titles.items()
        for state in made
    ]
    decimals = {title: 3 if one == "stoi" else 2 for one, title in shown.items()}
    show_rows("Mean scores", rows, decimals, key="probe_scores")
    _show_curves(name, probe, value, models, sound)


def value_key(name: str) -> str:
    """The key of the slider of a probe or condition."""
    return f"probe_value_{name}"


def _choose(probes: Mapping[str, Probe], choice: str) -> tuple[str, float]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "What is turned",
            list(probes),
            format_func=lambda one: probes[one].title,
            key=choice,
            bind="query-params",
            width=220,
        )
        values, key = probes[name].values, value_key(name)
        st.session_state.setdefault(key, values[len(values) // 2])
        value = st.select_slider(
            probes[name].axis,
            values,
            format_func=short,
            key=key,
            width=420,
        )
    return name, value


def _kept(what: str, sound: Mixture, of: tuple, function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(networks, *arguments)`, computed of a sound once, apart."""
    key = ("probe", what, result_cache.fingerprint(sound.mixture, sound.references), *of)
    if (found := result_cache.find_result(key)) is None:
        with st.spinner("Preparing ..."):
            compute = workspace.apart(function, [], *arguments, seconds=RUNS * len(sound.mixture) / sound.rate)
            found = result_cache.keep_result(key, compute(lambda *_: still_wanted()))
    return found


def _tracks(
    made: Mapping[str, Mixture], voices: Mapping[tuple[str, str], np.ndarray], scores: Mapping[tuple[str, str], Scores]
) -> list[Track]:
    """The mixtures, then for each voice what each model makes of them and the target."""
    models = list(dict.fromkeys(model for model, _ in voices))
    titles = {model: title for title, model in by_title({model: model for model in models}).items()}
    tracks = [Track(f"Mixture · {state}", mixture.mixture, mixture.rate) for state, mixture in made.items()]
    for speaker, output in enumerate(speaker_names(len(made[BEFORE].references), models[0])):
        group = f"speaker {speaker + 1}"
        for place, model in enumerate(models):
            colour = colour_by_model(speaker, place) if place else ""
            whose = f" · {titles[model]}" if len(models) > 1 else ""
            for state, mixture in made.items():
                score = scores[model, state].si_snr[speaker]
                tracks.append(
                    Track(
                        f"{output}{whose} · {state}",
                        voices[model, state][speaker],
                        mixture.rate,
                        colour,
                        group,
                        description="" if score is None else f"SI-SNR {number(score, 1)} dB",
                    )
                )
        tracks += [
            Track(f"{output} · clean, {state}", mixture.references[speaker], mixture.rate, group=group)
            for state, mixture in made.items()
        ]
    return tracks


@st.cache_data(show_spinner=False, ttl=60)
def measured_probes() -> dict[str, ProbeResults]:
    """{model: its results} of the probes over a set."""
    return known_results()


@st.cache_data(show_spinner=False, ttl=60)
def measured_conditions() -> dict[str, ProbeResults]:
    """{model: its results} of the everyday conditions over a set."""
    return condition_results()


def chosen_or_all(known: Mapping[str, ProbeResults], models: Sequence[str]) -> dict[str, ProbeResults]:
    """The results of `models`, as far as they were measured; of all that were, and says so, where none of them was.

    Only those of one set, the first's: scores of two and of three voices do not stand beside each other.
    """
    chosen = {model: known[model] for model in models if model in known}
    if known and not chosen:
        caption(f":material/info: {NOT_MEASURED}")
    return of_one_set(chosen or known)


def _results_of(name: str) -> dict[str, ProbeResults]:
    """{model: results that have this probe}."""
    every = (*measured_probes().items(), *measured_conditions().items())
    return {model: found for model, found in every if name in found.network}


def _show_curves(name: str, probe: Probe, value: float, models: Sequence[str], sound: Mixture) -> None:
    """The curves over the set of the models that have been measured, and on request of this sound."""
    curves = {model: curve(found, name) for model, found in chosen_or_all(_results_of(name), models).items()}
    here = {}
    asked = ("probe curve", name, result_cache.fingerprint(sound.mixture, sound.references), *models)
    st.markdown("## Over a test set")
    if st.button("Measure every position on this sound", icon=":material/timer:", key="probe_measure"):
        st.session_state.probe_asked = asked
    if st.session_state.get("probe_asked") == asked:
        here = _measure_here(asked, name, len(probe.values), models, sound)
    titled = by_title(curves)
    said = [words.explain_curve(f"**{plain(title)}**", probe, found) for title, found in titled.items()]
    if name == "jitter":
        said += filter(None, (words.explain_printed(f"**{plain(title)}**", found) for title, found in titled.items()))
    if said:
        say(said, key="probe_curves")
    else:
        caption("No set has been measured with this.")
    picture(
        figures.probe_curves(titled, probe, value, by_title(here), list(by_title(dict.fromkeys([*models, *curves])))),
        f"SI-SNR in dB over: {probe.axis}. {sentences(said)}",
        key=f"probe_{name}",
    )
    caption(
        "Mean over the voices and mixtures; the bands are 95 % intervals. They take into account how few people speak "
        "in the set (bootstrap over speakers). Measured by "
        "`python -m analysis.start_point.probe_set DIR --model NAME`, and the conditions of everyday recordings by "
        "`python -m analysis.conditions DIR`; `runs/probes` is searched too."
    )
    if curves:
        save_table(
            "Curves (CSV)",
            lambda: (
                {probe.axis: probe.values}
                | {
                    f"{title}: {part}": [getattr(one, part) if one else np.nan for one in found.network]
                    for title, found in titled.items()
                    for part in ("mean", "low", "high")
                }
            ),
            key=f"probe_{name}",
        )


def _measure_here(
    key: tuple, name: str, positions: int, models: Sequence[str], sound: Mixture
) -> dict[str, dict[float, float]]:
    seconds = len(sound.mixture) / sound.rate * len(models) * positions
    compute = workspace.apart(of_networks.probe_scores, models, name, sound, seconds=seconds)
    found = workspace.with_progress(key, "Measuring", workspace.ALWAYS_CANCELLABLE, compute, stays=True)
    return dict(zip(models, found, strict=True)) if found else {}
