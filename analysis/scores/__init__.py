"""How good a separation is: metrics, ideal masks, and both beside each other on one sound (Tables IV and VI)."""
