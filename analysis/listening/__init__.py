"""Listening tests: trials, sounds, answers and their statistics (Table VII, Fig. 3)."""
