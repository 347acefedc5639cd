"""Embeddings from a local sentence-transformers model, in a process of its own.

The service's own process never imports torch: it stays small, and its event loop shares no GIL with a forward pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from services.kit.errors import DeadlineExceeded, Internal, TikuError, Unavailable
from services.kit.progress import ProgressWatch, StalledError
from services.kit.restarts import CrashBudget
from services.kit.start import StartError
from services.llm.adapters.embedders.frames import EmbedAsk, EmbedReady, EmbedReply, pack, read_reply
from services.llm.domain.batching import Batch, Batcher, BatchLimits
from services.llm.values.relevance import EmbedKind, Vectors

_BATCH_SECONDS = 120.0
_ATTEMPTS = 2
"""How often a batch is sent to a worker that dies of it before its requests fail."""

logger = logging.getLogger(__name__)


class EmbedderDiedError(Exception):
    """The worker process ended, or fell silent and was killed."""


class LocalEmbedder:
    """An Embedder over the model in a folder, as sentence-transformers saves it; `run` has to be running.

    `threads` are those of the model, `program` is the worker's command without its options, and `budget` the account
    of workers that die before they answered anything.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int,
        limits: BatchLimits | None = None,
        program: Sequence[str] = (sys.executable, "-m", "services.llm.adapters.embedders.worker"),
        budget: CrashBudget | None = None,
    ) -> None:
        self.folder = folder
        self._threads = threads
        self._program = tuple(program)
        self._batcher = Batcher(limits or BatchLimits())
        self._budget = budget or CrashBudget()
        self._given_up = False
        self._ready = asyncio.Event()
        self.pid: int | None = None
        """The worker process; None while there is none that is ready."""

    async def check(self) -> None:
        """Return if a worker holds the model.

        Raises:
            Unavailable: it is loading, or was given up for a while.
        """
        if self._given_up:
            raise _unavailable()
        if not self._ready.is_set():
            raise Unavailable("The embedding model is loading.", reason="EMBEDDER_LOADING")

    async def embed(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> Vectors:
        """Return one vector a text. A request that comes before the model is loaded waits for it."""
        if self._given_up:
            raise _unavailable()
        try:
            async with asyncio.timeout(timeout):
                return await self._batcher.embed(texts, kind)
        except TimeoutError as error:
            raise DeadlineExceeded("The embedding model did not answer in time.", reason="EMBEDDER_TIMEOUT") from error

    async def run(self) -> None:
        """Keep a worker running and feed it until canceled.

        A worker that dies is replaced and gets its batch again; what kills it twice fails with its requests. Workers
        that die too often before they answer anything are given up for a while; requests fail at once meanwhile.

        Raises:
            StartError: the model cannot be loaded.
        """
        unanswered: Batch | None = None
        attempts = 0
        try:
            while True:
                answered = False
                try:
                    async with self._worker() as worker:
                        while True:
                            batch = unanswered or await self._next(worker)
                            unanswered, attempts = batch, attempts + 1
                            await worker.answer(batch)
                            unanswered, attempts, answered = None, 0, True
                except EmbedderDiedError as error:
                    logger.error("embedding worker died", extra={"error": str(error), "answered": answered})
                    may_start = answered or self._budget.crash()
                    if unanswered is not None and (attempts >= _ATTEMPTS or not may_start):
                        unanswered.fail(_unavailable())
                        unanswered, attempts = None, 0
                    await (asyncio.sleep(self._budget.delay()) if may_start else self._rest())
        finally:
            if unanswered is not None:
                unanswered.fail(_unavailable())
            self._batcher.fail_all(_unavailable())

    async def _rest(self) -> None:
        """Refuse every request until the crashes are forgiven."""
        logger.error("embedding workers are given up for a while", extra={"reason": self._budget.describe()})
        self._given_up = True
        try:
            self._batcher.fail_all(_unavailable())
            await asyncio.sleep(self._budget.window_seconds)
        finally:
            self._given_up = False

    async def _next(self, worker: _EmbeddingWorker) -> Batch:
        """Return the next batch; notice a worker that dies while it is idle, too."""
        waiting = asyncio.ensure_future(self._batcher.next())
        ended = asyncio.ensure_future(worker.process.wait())
        try:
            await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            raise EmbedderDiedError(f"exit status {ended.result()} while idle")
        finally:
            waiting.cancel()
            ended.cancel()

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[_EmbeddingWorker]:
        """Start a worker that holds the model; it is gone at the end of the block."""
        process = await asyncio.create_subprocess_exec(
            *self._program,
            f"--parent={os.getpid()}",
            f"--model={self.folder}",
            f"--threads={self._threads}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(self._threads),
        )
        worker = _EmbeddingWorker(process)
        try:
            await worker.start()
            self.pid = process.pid
            self._ready.set()
            yield worker
        finally:
            self.pid = None
            self._ready.clear()
            # It keeps nothing, and torch takes seconds to end in an orderly way.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class _EmbeddingWorker:
    """The service's end of a worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._dimension = 0

    async def start(self) -> None:
        """Wait until the model is loaded, as long as that makes progress."""
        try:
            reply = await ProgressWatch(self.process.pid).result_of(self._read())
        except StalledError as error:
            raise EmbedderDiedError(f"it stood still for {error.seconds:.0f} s while loading its model") from error
        if not isinstance(reply, EmbedReady):
            raise StartError(f"the embedding model cannot be loaded: {reply}")
        self._dimension = reply.dimension

    async def answer(self, batch: Batch) -> None:
        """Embed one batch and hand out what came back."""
        assert self.process.stdin is not None
        try:
            async with asyncio.timeout(_BATCH_SECONDS):
                self.process.stdin.write(pack(EmbedAsk(kind=batch.kind.value, texts=batch.texts)))
                await self.process.stdin.drain()
                reply = await self._read()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise EmbedderDiedError("it closed its input") from error
        except TimeoutError as error:
            raise EmbedderDiedError(f"it was silent for {_BATCH_SECONDS:g} seconds") from error
        if isinstance(reply, EmbedReply):
            batch.resolve(reply.data, self._dimension, reply.tokens)
        else:
            logger.error("embedding worker refused a batch", extra={"error": str(reply)})
            batch.fail(Internal("The embedding model failed on a text.", reason="EMBEDDING_FAILED"))

    async def _read(self) -> object:
        assert self.process.stdout is not None
        try:
            return await read_reply(self.process.stdout)
        except asyncio.IncompleteReadError as error:
            raise EmbedderDiedError("it closed its output") from error


def _unavailable() -> TikuError:
    return Unavailable("The embedding model is unavailable.", reason="EMBEDDER_UNAVAILABLE")


def _environment(threads: int) -> dict[str, str]:
    """Return what the worker inherits: none of the service's settings, which may be secret, and no network."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIKU_")}
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": str(threads),
        # By default torch's threads wait for one another by spinning, at the cost of whoever needs the core: on two
        # busy cores three passages took 4-6 s and 1.2 s of CPU, without spinning 1.7 s and 0.36 s.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
