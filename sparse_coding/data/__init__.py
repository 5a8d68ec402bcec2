"""Datasets: files, uploads, built-in sources, preprocessing and batches."""
