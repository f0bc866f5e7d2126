"""Honest timing: this package and the plain tool on the same model, data and machine, in turn."""
