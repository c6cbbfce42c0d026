"""Separation on spectrograms, as before TasNet (Table IV): deep clustering, uPIT-BLSTM, Chimera++ and phase iterations.

    stft.py       the paper's STFT
    network.py    ChimeraNet: BLSTM layers under two heads, embeddings and masks
    clusters.py   k-means, which makes masks of embeddings
    phase.py      MISI, which looks for the phases that fit the masks

Their losses are in `tasnet.train.spectral_loss`.
"""
