"""Where something of Linux is missing (Windows, macOS): without it all goes on."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tasnet import voices

ROOT = Path(__file__).parents[1]


def test_the_library_separates_without(tmp_path):
    """Without modules that only some systems have, without fork, without a compiler or a place to compile in."""
    code = """
import os, sys
sys.modules.update(dict.fromkeys(["resource", "fcntl", "numba", "triton"]))
for name in ("fork", "sched_getaffinity", "nice"):
    if hasattr(os, name):
        delattr(os, name)
import numpy as np, tasnet, analysis.workers, analysis.jobs
network = tasnet.ConvTasNet(tasnet.ConvTasNetConfig(N=16, L=16, B=8, H=16, Sc=8, X=2, R=1))
noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype("float32")
print(tasnet.Separator(network, "cpu").separate(noise, 8000).sources.shape)
print(analysis.workers.Nursery().call(len, "abc"))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": "", "TASNET_LENS_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["(2, 4000)", "3"]


def test_the_cepstrum_is_librosa_s():
    import librosa

    rate = 8000
    sound = np.random.default_rng(0).standard_normal((1, rate)).cumsum(1)  # of equal level in no two bands
    (found,) = voices.signatures(sound, rate, loud=0.0)
    window, hop = round(voices.WINDOW * rate), round(voices.HOP * rate)
    frames = librosa.util.frame(sound[0], frame_length=window, hop_length=hop).T
    power = np.abs(np.fft.rfft(frames * np.hanning(window), 2 * window)) ** 2
    bands = np.log(voices._mel(window, rate) @ power.T + 1e-10)
    expected = librosa.feature.mfcc(S=bands, n_mfcc=1 + voices.CEPSTRA)[1:]
    assert found.frames == len(frames)
    np.testing.assert_allclose(found.mean, expected.mean(1), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.spread, expected.std(1), rtol=1e-5)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_mel_bands_are_librosa_s(rate):
    """Which takes a second to import, for one matrix: so it is not itself what separating loads."""
    import librosa

    window = round(voices.WINDOW * rate)
    expected = librosa.filters.mel(
        sr=rate,
        n_fft=2 * window,
        n_mels=voices.BANDS,
        fmin=voices.LOWEST,
        fmax=min(voices.HIGHEST, 0.475 * rate),
        htk=True,
        norm=None,
    )
    np.testing.assert_allclose(voices._mel(window, rate), expected, atol=1e-6)
