"""Array kernels of audiosim, on the CPU and on CUDA: numpy and numba, nothing else."""
