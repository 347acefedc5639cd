"""Readers: a file to text and chunks, away from the event loop."""
