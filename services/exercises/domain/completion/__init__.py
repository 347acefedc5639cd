"""Asking a model for one JSON object and reading it as it comes."""
