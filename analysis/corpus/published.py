"""Conv-TasNet's published scores on LibriMix, to be shown beside ours with what it was trained on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One system on the LibriMix test set of 3000 mixtures (8 kHz, min, clean)."""

    name: str
    training_set: str
    si_snri: float  # dB
    sdri: float  # dB
    stoi: float | None
    source: str


_TRAIN_100 = "Libri2Mix train-100: 58 h of mixtures, 251 speakers"
_TRAIN_360 = "Libri2Mix train-360: 212 h of mixtures, 921 speakers"
_MODEL_CARD = "https://huggingface.co/JorisCos/ConvTasNet_Libri{}Mix_sepclean_8k"
_TORCHAUDIO = "https://pytorch.org/audio/stable/generated/torchaudio.pipelines.CONVTASNET_BASE_LIBRI2MIX.html"

LIBRIMIX = {
    2: (
        Published("asteroid", _TRAIN_100, 13.0, 13.4, None, "https://github.com/JorisCos/LibriMix"),
        Published("asteroid", _TRAIN_360, 14.7, 15.1, 0.931, _MODEL_CARD.format(2)),
        Published("torchaudio", _TRAIN_360, 15.3, 15.6, None, _TORCHAUDIO),
    ),
    3: (Published("asteroid", "Libri3Mix train-360: 921 speakers", 12.0, 12.4, 0.837, _MODEL_CARD.format(3)),),
}
