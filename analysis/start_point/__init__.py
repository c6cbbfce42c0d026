"""Section IV-F: how much the separation depends on the sample at which the mixture starts."""
