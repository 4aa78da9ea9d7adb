"""Augmented copies of pictures, for training: decided by seed, image and copy alone, so that they can be made again."""
