"""What is measured and drawn: scores, ideal masks, levels, the paper's figures. No user interface."""
