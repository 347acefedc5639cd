"""Reading material: in worker processes, and in this process."""
