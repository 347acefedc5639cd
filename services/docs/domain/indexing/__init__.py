"""Turning a stored file into indexed chunks."""
