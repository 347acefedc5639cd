"""Workers as forks of a small process that has loaded everything and done nothing: they start in milliseconds.

A process that runs gRPC must not be forked, so the template is forked from the program before it serves, and forks the
workers from then on. They share its memory. Each dies with its parent, even a killed one.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from services.embedded.qdrant_server.links import WorkerLink
from services.kit.workers import end_with_parent

_LOCK_FILE = "workers.lock"
_MESSAGE_BYTES = 64 * 1024
_REAP_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Forks:
    """Starts and kills workers. `start` must be called while the program has one thread and has not used gRPC."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._connection = connection
        self._connection.setblocking(False)
        self.pid = pid
        self._turn = asyncio.Lock()

    @classmethod
    def start(cls, data: Path, main: Callable[[socket.socket, Path], None]) -> Forks:
        """Fork the template. A worker runs `main` with its end of a connection and the folder that it works in.

        All workers of one `data` folder together hold a lock: those of a server that was killed end before new ones
        begin.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        gc.collect()
        gc.freeze()  # A collection in a worker would write to every page that it shares.
        parent = os.getpid()
        pid = os.fork()
        if pid:
            theirs.close()
            return cls(ours, pid)
        ours.close()
        _run(lambda: _Template(theirs, data, main).serve(parent))
        raise AssertionError("unreachable")

    async def spawn(self, folder: Path) -> WorkerLink:
        """Start a worker on a collection's folder and return the connection to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            async with self._turn:
                message = json.dumps({"start": str(folder)}).encode()
                socket.send_fds(self._connection, [message], [theirs.fileno()])
                loop = asyncio.get_running_loop()
                answer = json.loads(await loop.sock_recv(self._connection, _MESSAGE_BYTES) or b"{}")
        if "pid" not in answer:
            ours.close()
            raise OSError(answer.get("error", "the process that starts workers has ended"))
        pid = answer["pid"]
        ours.setblocking(False)
        _, link = await loop.create_connection(lambda: WorkerLink(pid, self._kill), sock=ours)
        return link

    def _kill(self, pid: int) -> None:
        # Through the template, which alone knows whether the number still belongs to that worker.
        with contextlib.suppress(OSError):
            self._connection.send(json.dumps({"kill": pid}).encode())

    async def failed(self) -> None:
        """Return never.

        Raises:
            RuntimeError: the template ended, and no worker can be started any more.
        """
        watch = os.pidfd_open(self.pid)
        try:
            ended = asyncio.Event()
            asyncio.get_running_loop().add_reader(watch, ended.set)
            try:
                await ended.wait()
            finally:
                asyncio.get_running_loop().remove_reader(watch)
        finally:
            os.close(watch)
        raise RuntimeError("the process that starts workers has ended")

    def close(self) -> None:
        """End the template; the kernel ends what workers there are."""
        self._connection.close()


class _Template:
    """The process that is forked."""

    def __init__(self, connection: socket.socket, data: Path, main: Callable[[socket.socket, Path], None]) -> None:
        self._connection = connection
        self._data = data
        self._main = main
        self._children: set[int] = set()
        self._lock: int | None = None

    def serve(self, parent: int) -> None:
        end_with_parent(parent)
        # The server ends its workers itself, in order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([self._connection], [], [], _REAP_SECONDS)
            self._reap()
            if not ready:
                continue
            message, descriptors, _, _ = socket.recv_fds(self._connection, _MESSAGE_BYTES, 1)
            if not message:
                return
            asked = json.loads(message)
            if "kill" in asked:
                if asked["kill"] in self._children:
                    os.kill(asked["kill"], signal.SIGKILL)
            else:
                self._start(Path(asked["start"]), descriptors[0])

    def _start(self, folder: Path, descriptor: int) -> None:
        try:
            self._take_lock()
            parent = os.getpid()
            pid = os.fork()
        except OSError as error:
            os.close(descriptor)
            self._connection.send(json.dumps({"error": str(error)}).encode())
            return
        if pid:
            os.close(descriptor)
            self._children.add(pid)
            self._connection.send(json.dumps({"pid": pid}).encode())
            return
        self._connection.close()
        end_with_parent(parent)
        _run(lambda: self._main(socket.socket(fileno=descriptor), folder))

    def _take_lock(self) -> None:
        if self._lock is None:
            self._lock = os.open(self._data / _LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o644)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._children.discard(pid)


def _run(work: Callable[[], None]) -> None:
    """Do the work of a forked process and end it; what its parent had under way is not for it to finish."""
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)
