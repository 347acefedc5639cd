"""A service as a process: logs, uvloop, signals, one composition root and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeVar

import uvloop

from services.kit import addresses, heap, logs, server, tracing
from services.kit.interpreter import share_soon
from services.kit.loop_lag import LoopLagMonitor
from services.kit.metrics_page import export_metrics, process_registry
from services.kit.rpc_metrics import RpcMetrics
from services.kit.settings import ServiceSettings
from services.kit.threads import start_threads

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Build = Callable[[SettingsT, AsyncExitStack], Awaitable[server.App]]

logger = logging.getLogger(__name__)


Beside = Callable[[server.RunningServer], AbstractAsyncContextManager[Awaitable[object]]]
"""Serves something else for as long as its block runs, and gives what ends when that fails."""


def run(name: str, settings: SettingsT, build: Build[SettingsT], beside: Beside | None = None) -> None:
    """Serve the app that `build` makes until SIGTERM or SIGINT; raise whatever else ends it.

    What `beside` serves in the same process starts after the app, and drains before it.
    """
    with logs.configured(name, settings.log_level), tracing.exported(name):
        heap.settle()
        share_soon()
        uvloop.run(serve(settings, build, beside))


async def serve(settings: SettingsT, build: Build[SettingsT], beside: Beside | None = None) -> None:
    """Serve like `run`, on the running loop."""
    async with AsyncExitStack() as process:
        if settings.blockbuster:
            process.enter_context(no_blocking_calls())
        await start_threads()
        # Before the app is built, which may wait for a database.
        await asyncio.to_thread(addresses.check, settings.listen)
        calls, lag = RpcMetrics(), LoopLagMonitor()
        registry = process_registry(calls, lag)
        if settings.metrics_listen:
            stop_metrics = await asyncio.to_thread(export_metrics, settings.metrics_listen, registry)
            process.push_async_callback(asyncio.to_thread, stop_metrics)
        stopped = asyncio.Event()
        task = asyncio.current_task()
        assert task is not None

        def stop_the_start() -> None:
            # Building may wait longer for a database than a stop of the service should take.
            if not stopped.is_set():
                stopped.set()
                task.cancel()

        _on_signals(stop_the_start)
        async with AsyncExitStack() as stack:
            try:
                app = await build(settings, stack)
            except asyncio.CancelledError:
                if not stopped.is_set():
                    raise
                task.uncancel()
                logger.info("stopped before it served")
                return
            for collector in app.collectors:
                registry.register(collector)
            _on_signals(stopped.set)
            running = await stack.enter_async_context(
                server.running(app, settings.listen, settings, calls=calls, lag=lag)
            )
            others = [await stack.enter_async_context(beside(running))] if beside is not None else []
            heap.keep()
            await _first(stopped.wait(), running.wait_for_failure(), *others)
            logger.info("stopping")


def _on_signals(act: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, act)


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


@contextlib.contextmanager
def no_blocking_calls() -> Iterator[None]:
    """Let every blocking call in an event loop of this process raise `BlockingError` until the block ends."""
    from blockbuster import blockbuster_ctx  # It patches the standard library, so it is imported only on demand.

    with blockbuster_ctx():
        yield
