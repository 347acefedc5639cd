"""Refuse a commit message whose subject has 72 characters or more. Git hands over the path of the message."""

from __future__ import annotations

import sys
from pathlib import Path

subject = Path(sys.argv[1]).read_text(encoding="utf-8").partition("\n")[0]
if len(subject) >= 72:
    sys.exit(f"The subject has {len(subject)} characters; fewer than 72 are allowed: {subject}")
