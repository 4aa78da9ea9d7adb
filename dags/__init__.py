"""Airflow only: the graphs, one file each, and the one operator they use. Nothing of ours is imported."""
