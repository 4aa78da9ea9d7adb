"""Mosaics: pictures put together from tiles."""
