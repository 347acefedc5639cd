"""Where the tables of this service are, and the migrations that make them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SCHEMA: Final = "llm"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
