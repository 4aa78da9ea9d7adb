"""Duplicates: pictures that differ in their bytes and show the same. Equal bytes are one image by identity already."""
