"""llama.cpp's OpenAI-compatible server in a process of its own, which runs until SIGTERM or SIGINT.

`python -m services.embedded.llama_server --model FILE.gguf --port PORT --alias NAME`
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

# Read by OpenMP when llama.cpp is loaded. Its threads wait for one another hundreds of times a token, by default in
# busy loops of milliseconds. On shared cores these take the time that the late thread needs: beside much other work two
# spinning threads wrote 0.1 tokens/s, two that sleep 1.3, and one alone 1.7 (benchmarks/local_engine.py).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import xllamacpp

from services.embedded.options import Options
from services.kit import addresses
from services.kit.memory import available_memory
from services.kit.priority import step_back

_PROMPT_CACHE_MIB = 256
"""Memory for the prompts of finished calls: one that begins in the same way need not be read again. A prompt of 500
tokens takes 14 MiB of it, and there is one for every kind of question and language. By default llama.cpp may take
8 GiB."""
_ROOM_FOR_CONTEXT_BYTES = 1024**3
"""Available memory beside the weights below which the context is kept in 8 bits: a quarter of a GiB instead of half of
one, but reading takes half as long again, and writing a quarter."""
_LOOKED_UP, _DRAFTED = 3, 6
"""The last tokens are looked for in what was read and written, and the tokens that followed there are checked as one
batch: a quote is a copy of the material. Of a question's 121 tokens, 66 were read off so, for 31 % less processor time
of writing; with 4 and 12 it were 61 for 10 % less, as more drafts were vain."""
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
    if available_memory() < options.model.stat().st_size + _ROOM_FOR_CONTEXT_BYTES:
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    params.speculative.ngram_simple.size_n, params.speculative.ngram_simple.size_m = _LOOKED_UP, _DRAFTED
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
        default=len(os.sched_getaffinity(0)),
        help="CPU threads (default: one a core)",
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
