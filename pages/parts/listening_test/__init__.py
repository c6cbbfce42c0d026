"""Parts of the page of listening tests."""
