"""Immutable values of the retrieval domain: they carry no algorithm and import none."""
