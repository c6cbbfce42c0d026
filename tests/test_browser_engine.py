"""The network in the browser (assets/web/browser): what it computes is what Python computes, run here by Node."""

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import node
from scipy.special import i0
from test_model import tiny

import tasnet
from analysis import site
from tasnet import checkpoint
from tasnet.audio import resample
from tasnet.below_speech import SteadySoFar
from tasnet.export.__main__ import write_onnx
from tasnet.kernels.wasm import build
from tasnet.level import CausalLevel
from tasnet.streaming import StreamingConvTasNet
from tasnet.training_facts import SPEECH_FROM_NOISE, TrainingFacts

BROWSER = Path(__file__).parents[1] / "assets" / "web" / "browser"
CLOSE = 1e-4  # of the signal's RMS
RUN = """
import fs from "node:fs";
const { Network, readWeights, Separator } = await import(process.argv[2] + "/tasnet.js");
const bytes = (file) => new Uint8Array(fs.readFileSync(file)).buffer;
const engine = bytes(process.argv[2] + "/engine.wasm");

// The audio thread, without a browser: quantum after quantum, as fast as it goes.
globalThis.AudioWorkletProcessor = class {
  port = { postMessage: (message) => this.port.heard?.(message) };
};
globalThis.registerProcessor = (_, one) => (globalThis.Live = one);
globalThis.currentTime = 0;
await import(process.argv[2] + "/worklet.js");

async function live(weights, x, rate) {
  globalThis.sampleRate = rate;
  const { config } = readWeights(weights);
  const node = new Live({ processorOptions: { packet: config.hop / config.sample_rate } });
  const ready = new Promise((resolve) => (node.port.heard = (message) => message.ready && resolve(message)));
  node.port.onmessage({ data: { open: { engine, weights, config, reserve: 0 } }, ports: [] });
  const { delay, channels } = await ready;
  const made = Array.from({ length: channels }, () => new Float32Array(x.length));
  for (let n = 0; n < x.length; n += 128) {
    const piece = x.subarray(n, n + 128);
    globalThis.currentTime = n / rate;
    node.process([[piece]], [made.map((one) => one.subarray(n, n + piece.length))]);
  }
  return { voices: made, about: { delay } };
}

for (const { weights, input, rate, packet, inAudioThread, output } of JSON.parse(fs.readFileSync(process.argv[3]))) {
  const x = new Float32Array(bytes(input));
  let [voices, about] = [null, {}];
  const network = await Network.open(engine, bytes(weights));
  if (inAudioThread) {
    ({ voices, about } = await live(bytes(weights), x, rate));
  } else if (packet) {
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
  fs.writeFileSync(output + ".json", JSON.stringify(about));
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


def interpolated(samples: np.ndarray, rate: int, times: np.ndarray, other: int) -> np.ndarray:
    """(..., T) at `rate` -> its values at `times` in s, by the low-pass of live sound for the lower of both rates."""
    low = min(rate, other)
    if rate == other:
        cutoff, half, beta = rate / 2, 0.5 / rate, 0.0  # the samples themselves
    else:
        cutoff, half, beta = 3700 * low / 8000, 0.0025 * 8000 / low, 5.65
    reach = math.ceil(half * rate) + 1
    places = np.floor(times * rate).astype(int)[:, None] + np.arange(-reach, reach + 2)
    apart = places / rate - times[:, None]
    window = i0(beta * np.sqrt(np.maximum(0, 1 - (apart / half) ** 2))) * (np.abs(apart) < half * (1 - 1e-9))
    weights = np.sinc(2 * cutoff * apart) * window
    padded = np.pad(samples, [(0, 0)] * (samples.ndim - 1) + [(1, 1)])
    taken = padded[..., np.clip(places + 1, 0, samples.shape[-1] + 1)]
    return (taken * weights).sum(-1) / weights.sum(-1)


def heard_live(weights: Path, samples: np.ndarray, rate: int, delay: float) -> np.ndarray:
    """The mixture and its voices (1 + C, T), `delay` s late, as Python makes them while the sound arrives."""
    model, _ = checkpoint.load(weights)
    own = model.config.sample_rate
    first = 0 if rate == own else math.ceil(0.0025 * rate) / rate  # of the delay: where the model's samples lie
    times = np.arange(len(samples) * own // rate) / own - first
    mixture = interpolated(samples, rate, times, own).astype(np.float32)
    heard = SteadySoFar(own).push(mixture)
    stream = StreamingConvTasNet(model)
    sources = torch.cat([stream.push(torch.from_numpy(heard)[None]), stream.flush()], -1)[0].numpy()
    signals = np.vstack([heard, CausalLevel(len(sources), own).apply(sources, heard)])
    return interpolated(signals, own, np.arange(len(samples)) / rate - (delay - first), rate)


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


# Twenty recordings: every pair of four mixtures and five rates, some loud, some faint, some with an offset or a hum.
RATES = (8000, 16_000, 22_050, 44_100, 48_000)
FILES = 12  # of them are separated whole, the others live


def test_exported_models_are_understood(tmp_path):
    """What `tasnet.export` writes, whole and as a step, in every configuration but for batch norms."""
    pytest.importorskip("onnx")
    samples = np.random.default_rng(0).standard_normal(1237).astype(np.float32)
    jobs, expected = [], []
    for number, fields in enumerate(fields for fields in KINDS.values() if fields.get("norm") != "BN"):
        model = tiny(**fields).eval()
        for step in (False, True)[: 1 + model.config.causal]:
            path = tmp_path / f"{number}{step}.onnx"
            write_onnx(model, path, step=step)
            jobs.append({"weights": path, "samples": samples})
            with torch.no_grad():
                expected.append(model(torch.from_numpy(samples)[None])[0].numpy())
    for found, wanted in zip(in_node(tmp_path, jobs), expected, strict=True):
        assert apart(found, wanted) < 1e-5


REFUSE = """
import fs from "node:fs";
const { readWeights, TasnetError } = await import(process.argv[2] + "/tasnet.js");
for (const file of process.argv.slice(3)) {
  try {
    readWeights(new Uint8Array(fs.readFileSync(file)).buffer);
    console.log("read");
  } catch (error) {
    console.log(error instanceof TasnetError ? error.message : error.stack);
  }
}
"""


def test_exports_that_are_not_read_are_refused_in_a_sentence(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    norms, small, older, whole = (tmp_path / f"{name}.onnx" for name in ("norms", "small", "older", "whole"))
    write_onnx(tiny(norm="BN").eval(), norms)
    write_onnx(tiny().eval(), small, int8=True)
    write_onnx(tiny().eval(), whole)
    before = onnx.load(whole)
    next(one for one in before.graph.initializer if one.name == "decoder.V").name = "w"
    onnx.save(before, older)
    (tmp_path / "refuse.mjs").write_text(REFUSE)
    command = [node(), "refuse.mjs", str(BROWSER), *map(str, (norms, small, older, whole))]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    assert ["batch norms" in said[0], "without --int8" in said[1], "write it anew" in said[2]] == [True] * 3
    assert said[3:] == ["read"]


@pytest.fixture(scope="module")
def recordings(voices) -> list[tuple[np.ndarray, int]]:
    made, random = [], np.random.default_rng(0)
    for number in range(20):
        rate = RATES[number % len(RATES)]
        mixture = resample(voices[number % 4].sum(0)[4000:11_000], 8000, rate)
        mixture *= 10 ** (random.uniform(-50, 0) / 20) / np.abs(mixture).max()
        if number % 3 == 0:
            t = np.arange(len(mixture)) / rate
            mixture += np.abs(mixture).max() * (0.2 if number % 2 else 0.3 * np.sin(2 * np.pi * 50 * t))
        made.append((mixture.astype(np.float32), rate))
    return made


def test_recordings_come_out_as_from_the_separator(recordings, tmp_path):
    jobs, expected = [], []
    for number, (samples, rate) in enumerate(recordings[:FILES]):
        name = site.FIRST[number % 2]
        jobs.append({"weights": checkpoint.bundled()[name], "samples": samples, "rate": rate})
        expected.append(tasnet.Separator(name, device="cpu").separate(samples, rate).sources)
    for found, wanted in zip(in_node(tmp_path, jobs), expected, strict=True):
        assert apart(found, wanted) < CLOSE


def test_what_the_microphone_hears_comes_out_as_from_the_stream(recordings, tmp_path):
    """All of the audio thread: to the model's rate, offset, network, level, back, as late as it says."""
    path = checkpoint.bundled()[site.FIRST[1]]
    jobs = [
        {"weights": path, "samples": samples, "rate": rate, "inAudioThread": True}
        for samples, rate in recordings[FILES:]
    ]
    everything = in_node(tmp_path, jobs)
    for number, (job, found) in enumerate(zip(jobs, everything, strict=True)):
        delay = json.loads((tmp_path / f"{number}.in.out.json").read_text())["delay"]
        assert delay <= 0.02
        wanted = heard_live(path, job["samples"], job["rate"], delay)
        assert apart(found[0], wanted[0]) < CLOSE and apart(found[1:], wanted[1:]) < CLOSE


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
