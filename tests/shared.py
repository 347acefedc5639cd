"""Programs and data that tests use where they are at hand; a variable names each, and `../shared` is the default."""

from __future__ import annotations

import os
from pathlib import Path

SHARED = Path(os.environ.get("TIKU_TEST_SHARED") or Path(__file__).parents[2] / "shared")

GRPCURL = Path(os.environ.get("GRPCURL") or SHARED / "tools" / "grpcurl")
"""A gRPC client that works by reflection."""
VERSITYGW = Path(os.environ.get("VERSITYGW") or SHARED / "tools" / "versitygw")
"""An S3 server over a folder."""
NEO4J = Path(os.environ.get("NEO4J") or SHARED / "neo4j" / "start")
"""A script that runs a Neo4j server, `start FOLDER PORT`, with the Java in `PATH`."""
XQUAD = Path(os.environ.get("XQUAD") or SHARED / "data" / "xquad")
"""Questions and their passages in Chinese and English: `xquad.zh.json`, `xquad.en.json`."""
