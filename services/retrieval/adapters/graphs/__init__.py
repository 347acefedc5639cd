"""Where the knowledge graph is kept: an engine that speaks Bolt, or memory."""

from __future__ import annotations
