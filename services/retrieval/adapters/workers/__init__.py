"""Reading passages for the graph: in worker processes, and in this process."""
