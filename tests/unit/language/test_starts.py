from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
STARTS = """
import gc, importlib, sys
from services.language.patterns import Pattern
from services.language.zh import dictionary
for service in "docs", "exercises", "retrieval":
    importlib.import_module(f"services.{service}.app")
    patterns = [one for one in gc.get_objects() if isinstance(one, Pattern)]
    compiled = sum("compiled" in vars(pattern) for pattern in patterns)
    print(service, compiled, dictionary.cache_info().currsize, "jieba" in sys.modules)
"""


def test_no_service_loads_a_dictionary_or_a_pattern_before_it_reads() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTS],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'protos' / 'gen'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"{service} 0 0 False" for service in ("docs", "exercises", "retrieval")]
