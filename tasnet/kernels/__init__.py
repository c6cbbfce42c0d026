"""Faster implementations of the same network, each loaded only on request.

`tasnet.model` states the network as the paper does and is what every kernel here is compared with.
"""
