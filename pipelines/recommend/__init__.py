"""Recommendations: which pieces resemble a piece, and which go with it, by their colours."""
