"""The calibrations that ship: one TOML file an embedding model, named after it, written by the benchmark of quality."""
