"""Parts of the page of learned filters."""
