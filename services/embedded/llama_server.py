"""llama.cpp's OpenAI-compatible server in a process of its own, which runs until SIGTERM or SIGINT.

`python -m services.embedded.llama_server --model FILE.gguf --port PORT --alias NAME`
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import xllamacpp

from services.embedded.options import Options
from services.kit import addresses
from services.kit.priority import step_back

_PROMPT_CACHE_MIB = 64
"""Memory for the prompts of finished calls: one that begins in the same way need not be read again. By default
llama.cpp may take 8 GiB."""
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def parameters(options: argparse.Namespace) -> xllamacpp.CommonParams:
    """Return the server's parameters: `slots` calls at once, each with `slot_context` tokens of context."""
    params = xllamacpp.CommonParams()
    params.model.path = str(options.model)
    params.model_alias = {options.alias}
    params.hostnames = [options.host]
    params.port = options.port
    params.n_parallel = options.slots
    params.n_ctx = options.slots * options.slot_context
    # The weights are read, not mapped: llama.cpp repacks most of them for this CPU, and the mapped originals would stay
    # in memory beside them.
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.cont_batching = True
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.cpuparams.n_threads = options.threads
    params.cpuparams_batch.n_threads = options.threads
    # Each call that waits for a slot holds a thread.
    params.n_threads_http = 4 * options.slots
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.use_jinja = True
    params.ui = False
    params.warmup = False
    params.verbosity = 0
    return params


def main() -> None:
    """Parse the command line and serve."""
    parser = Options(prog="python -m services.embedded.llama_server", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the weights, a GGUF file")
    parser.add_argument("--alias", required=True, help="the name that clients ask for")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--slots", type=int, default=4, help="calls answered at once (default: %(default)s)")
    parser.add_argument(
        "--slot-context", type=int, default=4096, help="tokens of context for each call (default: %(default)s)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        # llama.cpp's threads wait for one another in busy loops, so one that shares its core with a service stalls all.
        # On two shared cores a question took 13-95 s with one thread and over 200 s with two.
        default=max(1, len(os.sched_getaffinity(0)) - 1),
        help="CPU threads (default: all cores but one)",
    )
    options = parser.parse_args()
    if not options.model.is_file():
        parser.error(f"--model: {options.model} is no file")
    try:
        addresses.check(addresses.with_port(options.host, options.port))
    except addresses.ListenError as error:
        sys.exit(str(error))
    # Both before llama.cpp starts its threads: they inherit the priority, and the signals must reach `sigwait` alone.
    step_back()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    try:
        server = xllamacpp.Server(parameters(options))
    except RuntimeError as error:
        sys.exit(f"{options.model} cannot be served, it may be damaged: {error}")
    sys.stderr.write(f"serving {options.alias} on {server.listening_address}\n")
    signal.sigwait(_STOP_SIGNALS)
    sys.stderr.write("stopped\n")
    sys.stderr.flush()
    # There is nothing to write out, and llama.cpp's own shutdown may wait for a call that it still answers.
    os._exit(0)


if __name__ == "__main__":
    main()
