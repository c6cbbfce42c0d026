"""The network in the browser (assets/web/browser): what it computes is what Python computes, run here by Node."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import node
from test_model import tiny

import tasnet
from analysis import site
from tasnet import checkpoint
from tasnet.audio import resample
from tasnet.kernels.wasm import build
from tasnet.training_facts import SPEECH_FROM_NOISE, TrainingFacts

BROWSER = Path(__file__).parents[1] / "assets" / "web" / "browser"
CLOSE = 1e-4  # of the signal's RMS
RUN = """
import fs from "node:fs";
const { Network, Separator } = await import(process.argv[2] + "/tasnet.js");
const bytes = (file) => new Uint8Array(fs.readFileSync(file)).buffer;
const engine = bytes(process.argv[2] + "/engine.wasm");
for (const { weights, input, rate, packet, output } of JSON.parse(fs.readFileSync(process.argv[3]))) {
  const network = await Network.open(engine, bytes(weights));
  const x = new Float32Array(bytes(input));
  let voices;
  if (packet) {
    const stream = network.stream();
    const pieces = [];
    for (let k = 0; k < x.length; k += packet) pieces.push(stream.push(x.subarray(k, k + packet)));
    pieces.push(stream.flush());
    voices = pieces[0].map((_, c) => Float32Array.from(pieces.flatMap((piece) => [...piece[c]])));
  } else if (rate) {
    voices = new Separator(network).separate(x, rate).sources;
  } else {
    voices = network.separate(x);
  }
  fs.writeFileSync(output, Buffer.concat(voices.map((voice) => Buffer.from(voice.buffer))));
}
"""


def in_node(folder: Path, jobs: list[dict]) -> list[np.ndarray]:
    """The voices (C, T) of every job {weights, samples, rate or packet}, computed by the browser's code."""
    listed = []
    for number, job in enumerate(jobs):
        path = folder / f"{number}.in"
        job["samples"].astype("<f4").tofile(path)
        rest = {key: value for key, value in job.items() if key not in ("samples", "weights")}
        listed.append(rest | {"weights": str(job["weights"]), "input": str(path), "output": f"{path}.out"})
    (folder / "jobs.json").write_text(json.dumps(listed))
    (folder / "run.mjs").write_text(RUN)
    done = subprocess.run([node(), "run.mjs", str(BROWSER), "jobs.json"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [np.fromfile(job["output"], "<f4") for job in listed]
    return [one.reshape(-1, len(job["samples"])) for one, job in zip(found, jobs, strict=True)]


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """RMS of the difference, of the RMS of what is expected."""
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


def test_the_engine_that_comes_along_is_made_of_its_sources():
    assert build.stamp(build.ENGINE.read_bytes()) == build.sources_hash(), "run python -m tasnet.kernels.wasm"


def test_a_file_that_is_no_engine_is_refused():
    with pytest.raises(build.EngineError, match="not a WebAssembly"):
        build.stamp(b"no engine at all")
    with pytest.raises(build.EngineError, match="of which sources"):
        build.stamp(build.MAGIC)


def test_an_engine_that_is_built_here_says_of_what():
    if build.clang_for_wasm() is None:
        pytest.skip("no clang and lld on this machine")
    assert build.stamp(build.compiled()) == build.sources_hash()


KINDS = {
    "gLN": {},
    "cLN": {"norm": "cLN", "causal": True},
    "BN": {"norm": "BN"},
    "chLN, causal": {"norm": "chLN", "causal": True},
    "one sum of all norms": {"norm_in": "chLN"},
    "softmax": {"mask": "softmax"},
    "ReLU masks": {"mask": "relu", "encoder": "relu"},
    "pinv": {"encoder": "pinv"},
    "no skip paths": {"Sc": 0},
    "three voices": {"C": 3},
    "one norm a block": {"second_norm": False},
    "reflected, padded": {"padding": "reflect", "edges": "pad"},
    "cut": {"edges": "cut"},
    "biased coders": {"coder_bias": True},
}


def test_every_configuration_gives_what_python_gives(tmp_path):
    jobs, expected = [], []
    for number, fields in enumerate(KINDS.values()):
        model = tiny(**fields).eval()
        with torch.no_grad():  # weights that are nobody's beginning
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        path = tmp_path / f"{number}.safetensors"
        checkpoint.save(path, model, dtype="float32")
        samples = np.random.default_rng(number).standard_normal(1237).astype(np.float32)
        with torch.no_grad():
            expected.append(model(torch.from_numpy(samples)[None])[0].numpy())
        jobs.append({"weights": path, "samples": samples})
        if model.config.causal:
            expected.append(expected[-1])
            jobs.append({"weights": path, "samples": samples, "packet": 37})
    for found, wanted in zip(in_node(tmp_path, jobs), expected, strict=True):
        assert apart(found, wanted) < 1e-5


@pytest.mark.parametrize("name", site.FIRST)
def test_recordings_come_out_as_from_the_separator(name, voices, tmp_path):
    separator = tasnet.Separator(name, device="cpu")
    weights = checkpoint.bundled()[name]
    jobs = []
    for number, rate in enumerate((8000, 44_100, 48_000)):
        mixture = resample(voices[number].sum(0), 8000, rate)
        jobs.append({"weights": weights, "samples": mixture, "rate": rate})
    for job, found in zip(jobs, in_node(tmp_path, jobs), strict=True):
        assert apart(found, separator.separate(job["samples"], job["rate"]).sources) < CLOSE


def test_speech_from_noise_keeps_its_level_and_gives_rumble_to_the_noise(tmp_path):
    weights, t = tmp_path / "noise.safetensors", np.arange(12_000) / 8000
    checkpoint.save(weights, tiny().eval(), TrainingFacts(task=SPEECH_FROM_NOISE, keeps_level=True), dtype="float32")
    mixture = 0.1 * np.random.default_rng(0).standard_normal(t.size) + 0.3 * np.sin(2 * np.pi * 30 * t) + 0.05
    job = {"weights": weights, "samples": mixture.astype(np.float32), "rate": 8000}
    expected = tasnet.Separator(str(weights), device="cpu").separate(job["samples"], 8000).sources
    assert apart(in_node(tmp_path, [job])[0], expected) < CLOSE


def test_a_site_is_a_folder_that_says_what_it_holds(tmp_path):
    whole, first = site.write_site(tmp_path / "site")
    known = json.loads((tmp_path / "site" / "site.json").read_text())
    assert [model["name"] for model in known["models"]][:2] == list(site.FIRST)
    assert first < 6e6 < whole
    assert all((tmp_path / "site" / one["file"]).is_file() for one in known["models"] + known["examples"])
    page = (tmp_path / "site" / "index.html").read_text()
    assert "tasnet-player" in page and "tasnet-talk" in page and "include" not in page and "'unsafe-eval'" not in page
    worker = (tmp_path / "site" / "sw.js").read_text()
    listed = json.loads(worker.split("FILES = ")[1].split(";")[0])
    assert all((tmp_path / "site" / name).exists() for name in listed)


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert site.main(["-o", str(tmp_path)]) == 2
    assert "something else" in capsys.readouterr().err and (tmp_path / "mine.txt").read_text() == "mine"
