"""Grading answers and keeping submissions."""
