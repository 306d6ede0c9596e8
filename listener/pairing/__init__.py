"""Which images a segmentation refers to, and when a job has everything it needs."""
