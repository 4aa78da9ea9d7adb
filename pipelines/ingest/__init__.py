"""Ingest: what comes into the lake from outside, and the tables it comes into."""
