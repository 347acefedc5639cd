"""Placing texts in the vector space of a model."""
