"""Palettes: the few colours an image is made of."""
