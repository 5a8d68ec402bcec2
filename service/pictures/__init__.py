"""Arrays to PNG: grids, pairs, strips, lettering."""
