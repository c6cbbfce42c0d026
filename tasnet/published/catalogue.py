"""The trained Conv-TasNets that others have published, according to their model cards and pages."""

from dataclasses import dataclass, field

from tasnet.training_facts import SPEAKERS, SPEECH_FROM_NOISE


@dataclass(frozen=True)
class PublishedModel:
    """One entry of the catalogue, checked against its model card.

    size: bytes; exact where `exact`, else what the card rounds it to. si_snri, sdri: dB on `test_set`. stoi, sha256:
    where the publisher states them. config: what the file itself does not state.
    """

    name: str
    task: str
    speakers: int
    rate: int  # Hz
    size: int
    si_snri: float
    sdri: float
    test_set: str
    training_data: str
    licence: str
    credits: str
    page: str
    address: str
    exact: bool = False
    stoi: float | None = None
    sha256: str = ""
    config: dict = field(default_factory=dict)

    @property
    def does(self) -> str:
        """What the model separates, in words."""
        return "speech from noise" if self.task == SPEECH_FROM_NOISE else f"{self.speakers} speakers"

    def describe(self) -> str:
        """One line: what it does, how well, how large and under which licence."""
        return (
            f"{self.does}, {self.rate // 1000} kHz, SI-SNRi {self.si_snri:.1f} dB on {self.test_set}, "
            f"{self.size / 1e6:.0f} MB, {self.licence}"
        )


_LIBRI = "LibriSpeech (CC BY 4.0)"
_WHAM = f"{_LIBRI} with WHAM! noise (CC BY-NC 4.0)"


def _joriscos(
    short: str,
    repository: str,
    revision: str,
    megabytes: float,
    si_snri: float,
    sdri: float,
    stoi: float | None = None,
) -> PublishedModel:
    speakers = int(repository[len("ConvTasNet_Libri")])
    noisy, rate = "clean" not in repository, 1000 * int(repository.split("_")[-1][:-1])
    page = f"https://huggingface.co/JorisCos/{repository}"
    kind = {"sepclean": "clean", "sepnoisy": "noisy", "enhsingle": "noisy"}[repository.split("_")[2]]
    return PublishedModel(
        name=f"asteroid/{short}",
        task=SPEECH_FROM_NOISE if speakers == 1 else SPEAKERS,
        speakers=speakers,
        rate=rate,
        size=round(megabytes * 1e6),
        si_snri=si_snri,
        sdri=sdri,
        stoi=stoi,
        test_set=f"Libri{speakers}Mix min test, {kind}",
        training_data=f"Libri{speakers}Mix train-360, {kind}: {_WHAM if noisy else _LIBRI}",
        licence="CC BY-SA 4.0",
        credits=f"Joris Cosentino, trained with asteroid's LibriMix recipe ({page}).",
        page=page,
        address=f"{page}/resolve/{revision}/pytorch_model.bin",
        config={"sample_rate": rate},
    )


# Every revision is the one that added the weights.
CATALOGUE = {
    model.name: model
    for model in (
        _joriscos(
            "Libri2Mix-clean-8k",
            "ConvTasNet_Libri2Mix_sepclean_8k",
            "38fc890e34da77409680aa430b6b42da395d94a0",
            20.4,
            14.764,
            15.114,
            0.931,
        ),
        _joriscos(
            "Libri2Mix-clean-16k",
            "ConvTasNet_Libri2Mix_sepclean_16k",
            "74f2677f3b787c41df2153816550bdc32e10c449",
            20.4,
            15.243,
            15.578,
        ),
        _joriscos(
            "Libri2Mix-noisy-8k",
            "ConvTasNet_Libri2Mix_sepnoisy_8k",
            "cadd41387de6c6aabb008c98441d8265e6d8716b",
            20.3,
            11.939,
            12.482,
        ),
        _joriscos(
            "Libri2Mix-noisy-16k",
            "ConvTasNet_Libri2Mix_sepnoisy_16k",
            "de774bb07f49c9e978431b04e5ad8a4d623332d9",
            20.4,
            12.552,
            13.060,
        ),
        _joriscos(
            "Libri3Mix-clean-8k",
            "ConvTasNet_Libri3Mix_sepclean_8k",
            "9cd8979448d4fc279e6a9bf48b1624b039fc51ec",
            20.6,
            11.98,
            12.39,
            0.837,
        ),
        _joriscos(
            "Libri3Mix-clean-16k",
            "ConvTasNet_Libri3Mix_sepclean_16k",
            "9aff75894137af287ac51d9b46e5f79bcb0d3648",
            20.7,
            12.299,
            12.770,
        ),
        _joriscos(
            "Libri3Mix-noisy-8k",
            "ConvTasNet_Libri3Mix_sepnoisy_8k",
            "d218d9aa5a9459a29e099b9422077a1d68b44c0e",
            20.6,
            10.389,
            10.928,
        ),
        _joriscos(
            "Libri3Mix-noisy-16k",
            "ConvTasNet_Libri3Mix_sepnoisy_16k",
            "578e33d314ac98f1c4d2690772c6ad16266d2017",
            20.7,
            10.283,
            10.883,
        ),
        _joriscos(
            "Libri1Mix-enhance-16k",
            "ConvTasNet_Libri1Mix_enhsingle_16k",
            "214b2d453e5033bccf7e39b60c1b10a0ffd693ab",
            20.1,
            11.293,
            11.798,
        ),
        PublishedModel(
            name="asteroid/WHAM-clean-8k",
            task=SPEAKERS,
            speakers=2,
            rate=8000,
            size=20_300_000,
            si_snri=16.214,
            sdri=16.464,
            test_set="WSJ0-2mix min test",
            training_data="WHAM! without its noise, from CSR-I (WSJ0) Complete (LDC, research only)",
            licence="CC BY-SA 4.0",
            credits="Manuel Pariente, trained with asteroid's WHAM! recipe "
            "(https://huggingface.co/mpariente/ConvTasNet_WHAM_sepclean).",
            page="https://huggingface.co/mpariente/ConvTasNet_WHAM_sepclean",
            address="https://huggingface.co/mpariente/ConvTasNet_WHAM_sepclean/resolve/"
            "2bc8efd34e3528ea83621148cc7359ab48df3040/pytorch_model.bin",
            sha256="3ad07942ee1a3ae74c47ddc0e215573e813404a1a3eb2625c39e2985a6ca108b",
            config={"sample_rate": 8000},
        ),
        PublishedModel(
            name="torchaudio/Libri2Mix-clean-8k",
            task=SPEAKERS,
            speakers=2,
            rate=8000,
            size=20_049_107,
            exact=True,
            si_snri=15.3,
            sdri=15.6,
            test_set="Libri2Mix min test, clean",
            training_data=f"Libri2Mix train-360, clean: {_LIBRI}",
            licence="no licence of its own; torchaudio is BSD-2-Clause",
            credits="The torchaudio authors: CONVTASNET_BASE_LIBRI2MIX.",
            page="https://pytorch.org/audio/stable/generated/torchaudio.pipelines.CONVTASNET_BASE_LIBRI2MIX.html",
            address="https://download.pytorch.org/torchaudio/models/conv_tasnet_base_libri2mix.pt",
            config={"mask": "relu", "X": 8, "sample_rate": 8000},
        ),
    )
}
