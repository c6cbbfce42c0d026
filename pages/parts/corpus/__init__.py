"""Parts of the page of whole test sets."""
