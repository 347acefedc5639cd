"""Tiku's services: one folder a domain, `kit` for what they share, `embedded` for the engines of one machine."""
