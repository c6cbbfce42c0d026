"""Parts of the page of network designs."""
