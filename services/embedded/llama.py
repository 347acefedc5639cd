"""A chat model on this machine: llama.cpp's OpenAI-compatible server (`llama_server`) on a loopback port."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.embedded.network import LOOPBACK, http_probe
from services.embedded.process import ProcessSpec
from services.embedded.python import module_command, module_environment

SLOTS = 4
"""Calls that the server answers at once."""
SLOT_CONTEXT_TOKENS = 4096
"""Tokens of context that each call has, prompt and answer together."""


@dataclass(frozen=True, slots=True)
class Llama:
    """A llama.cpp server to be run: its process, the base URL that its clients use, and the model's name there."""

    spec: ProcessSpec
    base_url: str
    model: str


def llama(model: Path, alias: str, port: int, log_file: Path) -> Llama:
    """Describe a server that serves the weights in `model` under the name `alias` at `127.0.0.1:port`."""
    spec = ProcessSpec(
        name="llama",
        command=module_command(
            "services.embedded.llama_server",
            *("--model", str(model.absolute()), "--alias", alias, "--port", str(port)),
            *("--slots", str(SLOTS), "--slot-context", str(SLOT_CONTEXT_TOKENS)),
        ),
        log_file=log_file,
        # /health answers 503 while the weights are read.
        probe=http_probe(LOOPBACK, port, "/health"),
        environment=module_environment(),
        startup="loading its model",
        stop_timeout=5.0,
    )
    return Llama(spec, f"http://{LOOPBACK}:{port}/v1", alias)
