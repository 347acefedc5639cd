"""Listing, watching, reading and deleting documents."""
