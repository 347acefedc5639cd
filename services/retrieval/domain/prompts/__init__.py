"""Prompts: one module a task, its texts in a file for each language."""
