"""Clients of the other services that a document needs on its way into the index."""
