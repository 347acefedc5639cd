"""Answers in JSON that have to match a schema."""
