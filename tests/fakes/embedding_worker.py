"""A worker process without a model, for tests of whoever runs one.

It embeds by hashing and does what a text tells it to: `die` ends it, `refuse` fails the batch, `sleep 0.5` waits. Its
model folder holds `deaths`, a count it takes one from at each start, ending instead while there is any.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from services.kit.workers import end_with_parent
from services.llm.adapters.embedders.fake import hashed_vector
from services.llm.adapters.local.frames import Ask, Ready, Reply, pack
from services.llm.adapters.local.worker import serve

DIMENSION = 8


def encode(ask: Ask, pause: Callable[[], None]) -> Reply:
    """Vectors, unless a text says otherwise."""
    texts = [text for text in ask.texts if isinstance(text, str)]
    for text in texts:
        if text == "die":
            os._exit(3)
        if text == "refuse":
            raise ValueError("told to")
        if text.startswith("sleep "):
            end = time.monotonic() + float(text.removeprefix("sleep "))
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(left, 0.01))  # noqa: TID251 - this process has no loop
                pause()
    data = b"".join(hashed_vector(text, DIMENSION).tobytes() for text in texts)
    return Reply(kind=ask.kind, data=data, tokens=len(ask.texts))


def main() -> None:
    """Serves until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    for option in ("--backend", "--task", "--threads"):
        parser.add_argument(option)
    options = parser.parse_args()
    end_with_parent(options.parent)
    deaths: Path = options.model / "deaths"
    if deaths.exists() and (left := int(deaths.read_text())):
        deaths.write_text(str(left - 1))
        os._exit(4)
    sys.stdout.buffer.write(pack(Ready(DIMENSION)))
    sys.stdout.buffer.flush()
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as incoming:
        serve(encode, incoming, sys.stdout.buffer)


if __name__ == "__main__":
    main()
