"""What takes longer than a page: measured once per model, dataset and formula version, and cached."""
