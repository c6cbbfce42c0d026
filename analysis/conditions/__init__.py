"""What recordings are like outside a test set of clean voices, and how the network copes with them.

everyday.py   conditions to put on any mixture: noise, rooms, codecs, overlap, clipping, bandwidth, a third voice
"""
