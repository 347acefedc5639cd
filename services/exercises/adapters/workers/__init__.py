"""The CPU-bound work of this service: in worker processes, and in this process."""
