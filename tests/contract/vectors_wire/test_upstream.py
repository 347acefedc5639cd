"""The client library's own congruence suite, run against the embedded server.

Its sources are not in the client's wheel. `TIKU_TEST_QDRANT_CLIENT_GIT` names a clone of qdrant/qdrant-client, bare or
not; a copy of its tests is made, and their `init_remote` is exchanged for one that speaks gRPC to this server.
"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import tarfile
import warnings
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.embedded.network import free_port
from services.embedded.qdrant import qdrant
from tests.engines import engine

_CLONE = "TIKU_TEST_QDRANT_CLIENT_GIT"
_NOT_SERVED = "is not served by the embedded"
_SHARE = 0.85
"""Of its tests that concern what is served. Others differ by the clone's version, and by what gRPC cannot say."""
_REMOTE = """

def init_remote(**kwargs):
    return QdrantClient(
        host="127.0.0.1", grpc_port={port}, prefer_grpc=True, check_compatibility=False, timeout=60
    )
"""


def _unpack(clone: str, folder: Path, port: int) -> None:
    archive = subprocess.run(["git", "-C", clone, "archive", "HEAD", "tests"], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    with (folder / "tests" / "congruence_tests" / "test_common.py").open("a") as common:
        common.write(_REMOTE.format(port=port))


def _run(folder: Path) -> dict[str, str]:
    """Run the suite, and return the outcome of each test: passed, skipped, differs or not served."""
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}"]
    command.append("--continue-on-collection-errors")
    subprocess.run(
        [*command, f"--junitxml={report}", "tests/congruence_tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        check=False,
        capture_output=True,
        timeout=1_500,
    )
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it a moment ago
    return {f"{case.get('classname')}::{case.get('name')}": _outcome(case) for case in cases}


def _outcome(case: ElementTree.Element) -> str:
    if case.find("skipped") is not None:
        return "skipped"
    for kind in ("failure", "error"):
        if (failed := case.find(kind)) is not None:
            return "not served" if _NOT_SERVED in "".join(failed.itertext()) else "differs"
    return "passed"


@pytest.mark.engine
@pytest.mark.timeout(1_800)
async def test_the_clients_own_suite_agrees(tmp_path: Path) -> None:
    clone = os.environ.get(_CLONE)
    if not clone:
        pytest.skip(f"SKIPPED LOUDLY: {_CLONE} names no clone of qdrant/qdrant-client")
    port = free_port()
    await asyncio.to_thread(_unpack, clone, tmp_path, port)
    async with engine(qdrant(tmp_path / "qdrant", port, tmp_path / "qdrant.log").spec):
        outcomes = await asyncio.to_thread(_run, tmp_path)
    counts = Counter(outcomes.values())
    others = sorted(f"{outcome}: {test}" for test, outcome in outcomes.items() if outcome in ("differs", "not served"))
    report = "\n".join([str(dict(counts)), *others])
    warnings.warn(report, stacklevel=1)
    assert counts["passed"] >= _SHARE * (counts["passed"] + counts["differs"])
