"""Answering a question from passages, with citations."""
