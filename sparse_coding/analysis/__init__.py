"""Measurements of a trained model: errors, sparsity, features, probes, matching."""
