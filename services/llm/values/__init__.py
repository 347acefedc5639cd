"""Immutable values of the llm domain: they carry no algorithm and import none."""
