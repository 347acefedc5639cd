"""Reading passages for the graph and for their words: in worker processes, and in this process."""
