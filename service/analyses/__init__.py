"""Computations of what takes longer than a page: made once per model, dataset and formula version, and cached."""
