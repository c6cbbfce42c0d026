"""What the pages say of real sounds and models, each sentence read back against the figures beside it.

    python -m benchmarks.words_on_sounds [DIR] [--models NAME ...] [--sounds 20] [--seconds 3]

Every model is taken apart on so many sounds: the examples that suit it, then mixtures of the set in DIR. The sentences
are printed for reading; the rules of `tests/word_rules.py` have to agree with each, or the run ends with the sentence.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from analysis import of_networks
from analysis.corpus.evaluation import spread_evenly
from analysis.explain import errors, muting
from analysis.network.basis import sorted_tree
from analysis.network.filter_use import filter_use
from analysis.network.learned_masks import CLEAN, ESTIMATED, ORACLES, RATIO, oracle_scores
from analysis.network.representation import Representation, represent
from analysis.scores.comparison import compare_systems
from analysis.scores.systems import MEASURES
from analysis.sounds.examples import available_examples, mix_example
from analysis.words import explain, ideal_masks, inside
from analysis.words.say import one_scale
from tasnet import Separator
from tasnet.data.corpora import open_mixtures
from tasnet.mixture import Mixture
from tasnet.training_facts import SPEECH_FROM_NOISE

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import word_rules as rules

MODELS = ("convtasnet_small_gln_2spk_8k", "convtasnet_small_cln_2spk_8k", "convtasnet_small_gln_denoise_8k")
SHOWN = one_scale(list(MEASURES))
DECIMALS = {name: MEASURES[name].decimals for name in SHOWN}


def sounds_for(separator: Separator, folder: Path | None) -> Iterator[Mixture]:
    """Examples that the model is for, then mixtures of the set."""
    known = (mix_example(one.id) for one in available_examples())
    yield from (sound for sound in known if sound.suits(separator.facts.task, separator.config.C))
    if folder and separator.facts.task != SPEECH_FROM_NOISE:
        mixtures = open_mixtures(folder, speakers=separator.config.C)
        yield from (mixtures[number] for number in spread_evenly(len(mixtures), 60))


def sentences(separator: Separator, sound: Mixture, look: Representation) -> Iterator[str]:
    """All that is said of one sound, checked."""
    names = list(separator.names)
    sources = separator.separate(sound.mixture, sound.rate).sources
    found = compare_systems(sound, sources, task=separator.facts.task, system=separator.config.system)
    own = {name: found.network.score(name) for name in SHOWN}
    others = {name: {row.name: row.score(name) for row in found.ideal} for name in SHOWN}
    said = ideal_masks.explain_sound(found)
    for name, sentence in zip(SHOWN, [one for one in said if one.startswith("By ")], strict=True):
        rules.check_places(sentence, own[name], others[name], DECIMALS[name])
    titles = {name: MEASURES[name].name for name in SHOWN}
    for sentence in said:
        if sentence.startswith("Which"):
            by = [{titles[name]: each[name] for name in SHOWN} for each in (own, others, DECIMALS)]
            rules.check_disagreement(sentence, *by)
    yield from said

    scores = oracle_scores(look)
    said = inside.explain_oracles(scores)
    for name in SHOWN:
        shown = {f"“{mask}”" if mask == RATIO else mask: scores[mask].mean(name) for mask in ORACLES}
        (sentence,) = [one for one in said if one.startswith(f"By {titles[name]} the estimated")]
        rules.check_places(sentence, scores[ESTIMATED].mean(name), shown, 2)
    assert f"{scores[CLEAN].mean('si_snr'):.2f} dB" in said[0]
    yield from said

    swapped = of_networks.swapped_voices(look, sound).scores
    said = explain.explain_swaps(swapped)
    rules.check_swaps(said, swapped)
    yield from said

    parts = of_networks.split_errors(look, sound)
    for name, sentence, one in zip(names, explain.explain_split(parts, names), parts, strict=True):
        rules.check_split(sentence, name, one.sdr, one.sir, one.sar)
        yield sentence
    edges, snr = errors.band_edges(sound.rate).tolist(), errors.snr_by_band(look.audible(), sound.sources, sound.rate)
    sentence = explain.explain_bands(snr, edges, names)
    rules.check_bands(sentence, snr, edges, names)
    yield sentence
    yield explain.explain_local_swaps(errors.local_swaps(look.audible(), sound.sources, sound.rate), len(names))

    use = filter_use(look)
    sentence = explain.explain_filter_kinds(use)
    rules.check_kinds(sentence, use.use, use.exclusive, use.shared)
    yield sentence
    shut = np.flatnonzero(use.shut)
    yield from inside.explain_use(use, float(muting.importance(look, [shut])[0]))
    groups = sorted_tree(look.model.U.detach().cpu().numpy(), sound.rate).clusters(12)
    lost, branches = muting.importance(look, groups), [f"branch {number}" for number in range(1, len(groups) + 1)]
    sentence = explain.explain_importance(lost, branches)
    rules.check_importance(sentence, lost, branches, True)
    yield sentence
    without = muting.muted_sources(look, muting.Muted(masks=muting.BINARY), separator.level)
    before, after = (of_networks.mean_scores(look, sound, SHOWN, voices) for voices in (None, without))
    sentence = explain.explain_change(before, after, f"Masks {muting.BINARY}")
    rules.check_change(sentence, before, after)
    yield sentence


def main(arguments: Sequence[str] | None = None) -> None:
    """Print and check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--sounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(arguments)
    count = 0
    for model in options.models:
        separator = Separator(model, "cpu", "float32")
        for sound in islice(sounds_for(separator, options.folder), options.sounds):
            part = slice(round(options.seconds * sound.rate))
            cut = replace(sound, mixture=sound.mixture[part], references=sound.sources[:, part])
            fixed = separator.facts.task == SPEECH_FROM_NOISE
            look = represent(separator.model, cut.mixture, cut.references, separator.level, fixed=fixed)
            print(f"\n{model}, {sound.name or ' and '.join(sound.labels)}", flush=True)
            for sentence in sentences(separator, cut, look):
                count += 1
                print(" ", sentence, flush=True)
    print(f"\n{count} sentences agree with their figures.")


if __name__ == "__main__":
    main()
