"""Immutable values of the docs domain: they carry no algorithm and import none."""
