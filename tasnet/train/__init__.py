"""Training: the paper's recipe (section III) on any corpus of mixtures or of utterances."""
