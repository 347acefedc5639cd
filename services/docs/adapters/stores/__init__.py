"""Stores: where rows, chunks and events are kept."""
