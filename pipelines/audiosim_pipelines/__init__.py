"""What runs: the order of the stages, their parallelism, their resumption and the screen."""
