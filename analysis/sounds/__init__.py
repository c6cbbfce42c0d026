"""What is separated: examples, uploads and voices mixed in the app, and how loud they are."""
