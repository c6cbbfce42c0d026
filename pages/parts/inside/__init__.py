"""Parts of the page that looks inside the network."""
