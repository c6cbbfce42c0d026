"""What the network has learned and does: filters (Fig. 5), representation and masks (Fig. 2), receptive field."""
