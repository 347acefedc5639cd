"""Benches of quality: what is found, answered and refused, measured on public data that lies beside the repository."""
