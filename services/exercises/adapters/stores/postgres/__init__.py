"""The schema `exercises` in PostgreSQL: a module for each store of `ports.py`, over one pool of connections."""
