"""Listening tests of sounds that are there: webMUSHRA's example configuration, CSV, folders, and what is refused."""

import io

import numpy as np
import pytest
import soundfile

from analysis.listening import imported
from analysis.listening.trials import REFERENCE, RatingsError
from analysis.scores.systems import ANCHOR
from tasnet.audio import Audio

RATE = 44100
# As configs/default.yaml of webMUSHRA has it, shortened to its kinds of pages and with those of its other examples.
WEBMUSHRA = """
testname: webMUSHRA Example (English)
testId: webmushra_example
bufferSize: 2048
stopOnErrors: true
showButtonPreviousPage: true
remoteService: service/write.php

pages:
    - type: generic
      id: first_page
      name: Welcome
      content: Welcome to the <b>webMUSHRA</b> listening test!
    - type: volume
      id: vol
      name: Volume settings
      stimulus: configs/resources/audio/mono_ref.wav
      defaultVolume: 0.5
    -
        - random
        - type: mushra
          id: trial1
          name: Mono Trial
          content: This training shows how to use it. Reminder: you're asked to rate the Basic Audio Quality (BAQ).<br/>
          showWaveform: true
          enableLooping: true
          reference: configs/resources/audio/mono_ref.wav
          createAnchor35: true
          createAnchor70: true
          stimuli:
              C1: configs/resources/audio/mono_c1.wav
              C2: configs/resources/audio/mono_c2.wav
              C3: configs/resources/audio/mono_c3.wav
        - type: mushra
          id: trial_random
          name: Again
          reference: configs/resources/audio/mono_ref.wav
          createAnchor35: false
          stimuli:
              C1: configs/resources/audio/mono_c1.wav
              C2: configs/resources/audio/mono_c2.wav
              C3: configs/resources/audio/mono_c3.wav
    - type: finish
      name: Thank you
      popupContent: Your results were sent.
      writeResults: true
"""


def sound(seconds: float = 1.0, rate: int = RATE) -> Audio:
    time = np.arange(round(seconds * rate)) / rate
    return Audio(np.sin(2 * np.pi * 440 * time).astype(np.float32), rate, "tone")


def test_webmushra_s_own_example_is_read():
    test = imported.read_webmushra(WEBMUSHRA)
    assert test.title == "webMUSHRA Example (English)"
    assert [page.name for page in test.pages] == ["trial1", "trial_random"]
    assert test.systems == (REFERENCE, "C1", "C2", "C3", ANCHOR)
    assert any("7 kHz" in note for note in test.notes)
    stimuli = imported.imported_stimuli(test, lambda file: sound())
    assert len(stimuli) == 10
    samples, rate = soundfile.read(io.BytesIO(stimuli[0].wav))
    assert rate == RATE and len(samples) == RATE and np.max(np.abs(samples)) == pytest.approx(1, abs=0.01)


def test_a_csv_and_folders_say_the_same():
    table = "stimulus,condition,file\na,reference,ref/a.wav\na,one,one/a.wav\nb,Clean,ref/b.wav\nb,one,one/b.wav\n"
    tree = ["reference/a.wav", "one/a.wav", "reference/b.wav", "one/b.wav", "one/notes.txt"]
    by_table, by_tree = imported.read_condition_table(table), imported.read_condition_folders(tree)
    assert by_table.systems == by_tree.systems == (REFERENCE, "one")
    assert [page.name for page in by_table.pages] == [page.name for page in by_tree.pages] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pages: [", "This is no YAML"),
        ("testname: x", "has a list of pages"),
        ("pages: [{type: paired_comparison, id: a}, [random, {type: bs1116}]]", "bs1116, paired_comparison have no"),
        ("pages: [{type: mushra, id: a, reference: r.wav}]", "lacks its id, its reference or its stimuli"),
        ("pages: [{type: generic, id: a}]", "nothing to rate"),
        ("pages: [{type: mushra, id: a, reference: r.wav, stimuli: {C1: c.wav, C2: c.wav}}]", "under two names"),
        ("pages: [{type: mushra, id: a, reference: r.wav, stimuli: {C1: r.wav}}]", "under two names"),
        ("pages: [{type: mushra, id: a, reference: r.wav, stimuli: {Clean: c.wav}}]", "can be called Clean"),
        ("pages: [&a [*a]]", "is no page"),
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence(text, complaint):
    with pytest.raises(RatingsError, match=complaint):
        imported.read_webmushra(text)


def test_a_stimulus_without_a_condition_that_others_have_is_named():
    with pytest.raises(RatingsError, match="b has no two"):
        imported.read_condition_folders(["ref/a.wav", "one/a.wav", "two/a.wav", "ref/b.wav", "one/b.wav"])


def test_sounds_that_cannot_be_switched_between_are_named():
    test = imported.read_condition_folders(["ref/a.wav", "one/a.wav"])
    with pytest.raises(RatingsError, match="a: one lasts"):
        imported.imported_stimuli(test, lambda file: sound(0.5 if "one" in file else 1.0))
    with pytest.raises(RatingsError, match="a: one has 8000 Hz"):
        imported.imported_stimuli(test, lambda file: sound(1.0, 8000 if "one" in file else RATE))
