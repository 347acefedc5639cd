"""Models in folders of this machine, each in a process of its own."""
