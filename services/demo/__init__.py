"""A demo on two documents that come with Tiku, shown on a terminal and checked step by step."""
