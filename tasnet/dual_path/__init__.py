"""TasNets that cut the sequence of frames into chunks, and go along it within chunks and across them in turn.

`chunks` cuts and joins; `dprnn` is DPRNN-TasNet. They came after the paper: see the page
Designs.
"""
