"""Immutable values of the exercises domain: they carry no algorithm and import none."""
