"""Faster statements of the same network, each loaded only by who asks for it.

`tasnet.model` states the network as the paper does and is what every kernel here is compared with.
"""
