"""A client of Tiku's public REST API, and the commands that use it."""
