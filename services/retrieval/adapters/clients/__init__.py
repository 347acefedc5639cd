"""Clients of other Tiku services, each an adapter of a port."""
