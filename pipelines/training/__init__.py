"""Training: labelled pictures in, a model and its figures out. How a model is served does not belong here."""
