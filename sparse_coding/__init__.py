"""Core library: sparse autoencoders from tensors and files to tensors and files.

An autoencoder maps an input x to a code h = encode(x) and back to r = decode(h); training minimises
mse(r, x) + weight * penalty(h). Letters in shapes: B rows of a batch, d inputs, n latents.
It knows no database, no HTTP, no clock and no settings; of the environment only CUDA's own variables.
"""
