"""What a checkpoint, or the file beside it, says about a network in its program's own terms."""

import re
from typing import Any

import yaml

from tasnet.checkpoint import CheckpointError
from tasnet.config import ConvTasNetConfig

from .pickles import stubs

DEEPEST = 8  # sections in each other
LONGEST = 200_000  # characters of a file of settings: more would take seconds to read
MOST_SETTINGS = 10_000  # in one section, what YAML merges into it counted

# By the programs' names; `norm_type`, `stride` and others that are not fields of ours keep their own.
SETTINGS = {
    **{name: name for name in ConvTasNetConfig.__dataclass_fields__},
    **{name: name for name in ("norm_type", "stride", "encoder_activation", "fb_name", "masking", "predict_noise")},
    "pre_mask_nonlinear": "pre_mask",
    **{name: name for name in ("chunk_size", "hop_size")},
    # asteroid
    "n_filters": "N",
    "kernel_size": "L",
    "bn_chan": "B",
    "hid_chan": "H",
    "skip_chan": "Sc",
    "conv_kernel_size": "P",
    "n_blocks": "X",
    "n_repeats": "R",
    "n_src": "C",
    "mask_act": "mask",
    # torchaudio
    "enc_num_feats": "N",
    "enc_kernel_size": "L",
    "msk_num_feats": "B",
    "msk_num_hidden_feats": "H",
    "msk_kernel_size": "P",
    "msk_num_layers": "X",
    "msk_num_stacks": "R",
    "num_sources": "C",
    "msk_activate": "mask",
    # espnet
    "channel": "N",
    "bottleneck_dim": "B",
    "hidden_dim": "H",
    "kernel": "P",
    "layer": "X",
    "stack": "R",
    "nonlinear": "mask",
    "fs": "sample_rate",
    # networks on spectrograms, see spectral.py
    **{name: name for name in ("take_log", "take_db", "activation", "loss_alpha", "mean", "std")},
    "n_sources": "C",
    **dict.fromkeys(("n_fft", "nfft", "window_length", "frame_length"), "window_length"),
    **dict.fromkeys(("hop_length", "frame_shift"), "hop_length"),
    # kaituoxu, funcwj, JusperLee, speechbrain
    "mask_nonlinear": "mask",
    "non_linear": "mask",
    "activate": "mask",
    "num_spks": "C",
}
# The rest of such files is about training, data and other modules, possibly under the same words.
SECTIONS: tuple[str, ...] = ("config", "model_args", "training_config", "hyper_parameters", "filterbank", "masknet")
SECTIONS += ("data", "encoder_conf", "separator_conf", "model", "nnet_conf", "Encoder", "MaskNet", "mask_net")
SECTIONS += ("hparams", "args", "conf", "cfg", "main_args")
SECTIONS += ("training", "trainer", "dcnet", "spectrogram_reader", "DPCL", "datasets", "audio_setting")
# asteroid's Lightning checkpoints have the sections' names before the settings': masknet_mask_act, data_sample_rate.
FLATTENED = re.compile(rf"(?:{'|'.join(SECTIONS)})[_./](?P<name>\w+)")
# What None stands for in asteroid's: no skip paths, half a filter, no activation.
NONE = {"skip_chan": 0, "stride": 0, "encoder_activation": "linear"}


class _Tolerant(yaml.SafeLoader):
    """YAML whose tags, such as speechbrain's !new: and !ref, are skipped and never run."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge into a mapping what it names (`<<`), which may multiply at every level."""
        super().flatten_mapping(node)
        if len(node.value) > MOST_SETTINGS:
            raise yaml.YAMLError("too many settings")


def _plain(loader: _Tolerant, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


_Tolerant.add_multi_constructor("!", _plain)


def read_settings(text: str, name: str) -> dict:
    """The content of a JSON or YAML file called `name`. Raises CheckpointError."""
    if len(text) > LONGEST:
        raise CheckpointError(f"{name} is too long for a file of settings: {LONGEST // 1000} kB at most.")
    try:
        content = yaml.load(text, _Tolerant)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise CheckpointError(f"{name} cannot be read as JSON or YAML.") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{name} does not hold settings by name.")
    return content


def stored_settings(content: dict, config: dict | None) -> dict:
    """The settings in what a checkpoint holds beside its tensors, overruled by those of the file beside it.

    Those of a network that was pickled whole are the attributes of its modules.
    """
    found: dict = {}
    for stub in stubs(content):
        if "_modules" in stub:
            _collect({name: value for name, value in stub.items() if not isinstance(value, dict)}, found)
    _collect(content, found)
    _collect(config or {}, found)
    return found


def _collect(values: dict, found: dict, above: tuple[dict, ...] = ()) -> None:
    if len(above) > DEEPEST or any(values is one for one in above):
        return
    top = above[0] if above else values
    for name, value in values.items():
        if not isinstance(name, str):
            continue
        if isinstance(value, dict) and name in SECTIONS:
            _collect(value, found, (*above, values))
            continue
        if name not in SETTINGS and (flat := FLATTENED.fullmatch(name)):
            name = flat["name"]
        if name in SETTINGS:
            if isinstance(value, str) and value.startswith("<") and value.endswith(">"):  # speechbrain's !ref <N>
                value = top.get(value[1:-1])
            if value is None:
                value = NONE.get(name)
            if isinstance(value, str | int | float) and value != "":
                found[SETTINGS[name]] = value
