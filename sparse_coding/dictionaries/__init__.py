"""Dictionary learning, PCA and the comparison with a model."""
