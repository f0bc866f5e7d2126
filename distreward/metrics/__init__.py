"""Evaluation metrics over NumPy arrays, with cluster bootstrap intervals, and the `evaluate` modules on top of them."""
