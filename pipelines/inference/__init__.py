"""Inference: what models see in each image, and what follows from their scores."""
