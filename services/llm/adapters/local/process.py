"""A local model in a process of its own, with a queue in front.

The service's own process imports neither ONNX Runtime nor torch: it stays small, and its event loop shares no GIL with
a forward pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

from services.kit.errors import DeadlineExceeded, Internal, TikuError, Unavailable
from services.kit.progress import ProgressWatch, StalledError
from services.kit.restarts import CrashBudget
from services.kit.start import StartError
from services.llm.adapters.local.frames import Ask, Ready, Refusal, Reply, pack, read_reply
from services.llm.domain.batching import Batch, Batcher, BatchLimits, Text
from services.llm.values.local import Backend, Task
from services.llm.values.relevance import EmbedKind, Vectors

_BATCH_SECONDS = 120.0
_ATTEMPTS = 2
"""How often a batch is sent to a worker that dies of it before its requests fail."""

logger = logging.getLogger(__name__)


class ModelDiedError(Exception):
    """The worker process ended, or fell silent and was killed."""


class LocalModel:
    """The model in a folder, as sentence-transformers saves it; `run` has to be running.

    `threads` are those of the model, `program` is the worker's command without its options, and `budget` the account
    of workers that die before they answered anything.
    """

    def __init__(
        self,
        folder: Path,
        backend: Backend,
        task: Task,
        *,
        threads: int,
        limits: BatchLimits | None = None,
        program: Sequence[str] = (sys.executable, "-m", "services.llm.adapters.local.worker"),
        budget: CrashBudget | None = None,
    ) -> None:
        self.folder = folder
        self.backend = backend
        self._task = task
        self._threads = threads
        self._program = tuple(program)
        self._batcher = Batcher(limits or BatchLimits(), task)
        self._budget = budget or CrashBudget()
        self._given_up = False
        self._unanswered: dict[EmbedKind, tuple[Batch, int]] = {}
        """The batch of each kind that a worker has, and how often one was given it."""
        self._answered = False
        """Whether the current worker has answered anything."""
        self._ready = asyncio.Event()
        self.pid: int | None = None
        """The worker process; None while there is none that is ready."""

    async def check(self) -> None:
        """Return if a worker holds the model.

        Raises:
            Unavailable: it is loading, or was given up for a while.
        """
        if self._given_up:
            raise self._unavailable()
        if not self._ready.is_set():
            raise Unavailable(f"The {self._task.model} is loading.", reason=f"{self._task.engine}_LOADING")

    async def encode(self, texts: Sequence[Text], kind: EmbedKind, timeout: float) -> Vectors:
        """Return a row for each text. A request that comes before the model is loaded waits for it."""
        if self._given_up:
            raise self._unavailable()
        try:
            async with asyncio.timeout(timeout):
                return await self._batcher.embed(texts, kind)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"The {self._task.model} did not answer in time.", reason=f"{self._task.engine}_TIMEOUT"
            ) from error

    async def run(self) -> None:
        """Keep a worker running and feed it until canceled.

        A worker that dies is replaced and gets its batch again; what kills it twice fails with its requests. Workers
        that die too often before they answer anything are given up for a while; requests fail at once meanwhile.

        Raises:
            StartError: the model cannot be loaded.
        """
        try:
            while True:
                self._answered = False
                try:
                    async with self._worker() as worker:
                        await _first_to_end(worker.read_replies(), *(self._feed(worker, kind) for kind in EmbedKind))
                except ModelDiedError as error:
                    logger.error("model worker died", extra={"error": str(error), "answered": self._answered})
                    may_start = self._answered or self._budget.crash()
                    for batch, attempts in list(self._unanswered.values()):
                        if attempts >= _ATTEMPTS or not may_start:
                            self._fail(batch)
                    await (asyncio.sleep(self._budget.delay()) if may_start else self._rest())
        finally:
            for batch, _ in list(self._unanswered.values()):
                self._fail(batch)
            self._batcher.fail_all(self._unavailable())

    async def _feed(self, worker: _Worker, kind: EmbedKind) -> None:
        """Give the worker one batch of a kind after another, first the one that an earlier worker left unanswered."""
        while True:
            batch, attempts = self._unanswered.get(kind) or (await self._batcher.next(kind), 0)
            self._unanswered[kind] = batch, attempts + 1
            await worker.answer(batch)
            del self._unanswered[kind]
            self._answered = True

    def _fail(self, batch: Batch) -> None:
        del self._unanswered[batch.kind]
        batch.fail(self._unavailable())

    async def _rest(self) -> None:
        """Refuse every request until the crashes are forgiven."""
        logger.error("model workers are given up for a while", extra={"reason": self._budget.describe()})
        self._given_up = True
        try:
            self._batcher.fail_all(self._unavailable())
            await asyncio.sleep(self._budget.window_seconds)
        finally:
            self._given_up = False

    def _unavailable(self) -> TikuError:
        return Unavailable(f"The {self._task.model} is unavailable.", reason=f"{self._task.engine}_UNAVAILABLE")

    @contextlib.asynccontextmanager
    async def _worker(self) -> AsyncIterator[_Worker]:
        """Start a worker that holds the model; it is gone at the end of the block."""
        process = await asyncio.create_subprocess_exec(
            *self._program,
            f"--parent={os.getpid()}",
            f"--model={self.folder}",
            f"--backend={self.backend}",
            f"--task={self._task}",
            f"--threads={self._threads}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(self._threads),
        )
        worker = _Worker(process, self._task)
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


class _Worker:
    """The service's end of a worker process."""

    def __init__(self, process: asyncio.subprocess.Process, task: Task) -> None:
        self.process = process
        self._task = task
        self._dimension = 0
        self._replies: dict[str, asyncio.Future[Reply | Refusal]] = {}

    async def start(self) -> None:
        """Wait until the model is loaded, as long as that makes progress."""
        try:
            reply = await ProgressWatch(self.process.pid).result_of(self._read())
        except StalledError as error:
            raise ModelDiedError(f"it stood still for {error.seconds:.0f} s while loading its model") from error
        if not isinstance(reply, Ready):
            raise StartError(f"the {self._task.model} cannot be loaded: {reply}")
        self._dimension = reply.dimension

    async def answer(self, batch: Batch) -> None:
        """Embed one batch and hand out what came back; there may be one of each kind at a time."""
        assert self.process.stdin is not None
        reply_to = asyncio.get_running_loop().create_future()
        self._replies[batch.kind.value] = reply_to
        try:
            async with asyncio.timeout(_BATCH_SECONDS):
                self.process.stdin.write(pack(Ask(kind=batch.kind.value, texts=batch.texts)))
                await self.process.stdin.drain()
                reply = await reply_to
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ModelDiedError("it closed its input") from error
        except TimeoutError as error:
            raise ModelDiedError(f"it was silent for {_BATCH_SECONDS:g} seconds") from error
        if isinstance(reply, Reply):
            batch.resolve(reply.data, self._dimension, reply.tokens)
        else:
            logger.error("model worker refused a batch", extra={"error": reply.error})
            batch.fail(Internal(f"The {self._task.model} failed on a text.", reason=f"{self._task.engine}_FAILED"))

    async def read_replies(self) -> None:
        """Hand every reply to who waits for it, until the worker ends."""
        while True:
            reply = await self._read()
            assert not isinstance(reply, Ready)
            waiting = self._replies.pop(reply.kind)
            if not waiting.done():
                waiting.set_result(reply)

    async def _read(self) -> Ready | Reply | Refusal:
        assert self.process.stdout is not None
        try:
            return await read_reply(self.process.stdout)
        except asyncio.IncompleteReadError as error:
            raise ModelDiedError("it closed its output") from error


async def _first_to_end(*work: Coroutine[Any, Any, None]) -> None:
    """Run all of it side by side until one ends, cancel the others, and raise its error."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
