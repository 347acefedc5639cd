"""Adapters of the ChatProvider port."""
