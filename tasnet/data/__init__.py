"""Speech on disk: test sets of mixtures and speakers' utterances, read and built."""
