"""Ratios against peers and physical limits, side by side in one run. `python -m benchmarks` runs them all."""
