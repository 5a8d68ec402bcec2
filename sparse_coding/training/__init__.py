"""Training: loop, gradients, optimiser, sweeps, checkpoints."""
