"""Runs that make exercises: live, stored, resumed, canceled."""
