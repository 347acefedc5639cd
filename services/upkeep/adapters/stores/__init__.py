"""Stores, table by table."""
