"""Figures and statistics over labels and predictions; needs no torch."""
