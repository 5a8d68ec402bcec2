"""Stores of blobs, named by their SHA-256."""
