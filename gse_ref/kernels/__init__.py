"""Kernels: plain arrays in, plain arrays out; compiled by Numba."""
