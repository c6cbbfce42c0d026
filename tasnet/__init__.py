"""Conv-TasNet (Luo & Mesgarani): the network, its weights, training and inference."""
