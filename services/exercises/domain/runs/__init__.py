"""Runs: live, stored, resumed, canceled."""
