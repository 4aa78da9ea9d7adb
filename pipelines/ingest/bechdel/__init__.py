"""Bechdel ratings: the Kaggle table of films and the public lists, recognised by their content, read as streams."""
