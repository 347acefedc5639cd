"""Upkeep of all that a stack stores: backup, restore, and the check of what its stores disagree on.

| file | what it does |
| --- | --- |
| `cli.py` | the commands `tiku backup`, `tiku restore` and `tiku fsck` |
| `servers.py` | finds the stores of a stack, and starts the engines of one that is stopped |
| `backup.py`, `restore.py` | from the stores into a file, and back |
| `archive.py`, `contents.py` | the file: a tar whose members are listed with their SHA-256 |
| `check.py`, `checks.py` | what `tiku fsck` looks for, and how it mends it |
| `adapters/stores/postgres.py` | every table of the services' schemas as a stream of bytes, in one snapshot |

What a service's tables and points mean, the service says itself, in `adapters/stores/**/*upkeep.py`.
"""
