"""What the benchmarks measure and what they measure it against, each a process of its own."""
