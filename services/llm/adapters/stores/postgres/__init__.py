"""Spending in PostgreSQL."""
