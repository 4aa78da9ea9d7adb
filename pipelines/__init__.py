"""Tessera: a batch image-catalogue pipeline."""

__version__ = "0.1.0"
