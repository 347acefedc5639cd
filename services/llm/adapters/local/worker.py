"""The process that holds a local model: loads it, warms it up, encodes one batch after another.

A batch of passages takes a tenth of a second, and a question may not wait for it: between two texts or two layers, as
its backend allows, the worker looks for a batch of questions and encodes that first.

Run as `python -m services.llm.adapters.local.worker` with `--parent PID --model FOLDER --backend onnx --task embed
--threads N`, and frames on standard input and output. It ends when its input does, and Linux kills it when its parent
dies.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from services.kit.priority import step_back
from services.kit.workers import end_with_parent
from services.llm.adapters.local.frames import Ask, Ready, Refusal, Reply, pack, read_ask
from services.llm.domain.batching import Text
from services.llm.values.local import Backend, Task

if TYPE_CHECKING:
    from services.llm.adapters.local.onnx_model import OnnxModel
    from services.llm.adapters.local.torch_model import TorchModel

Encode = Callable[[Ask, Callable[[], None]], Reply]
"""Encodes texts, and calls the function at moments when it can wait for another call of its own."""

_QUERY, _PASSAGE = "query", "passage"
_WARM_UP = ("A short text to warm up with.", "热身。")


def load(folder: Path, backend: Backend, task: Task, threads: int) -> tuple[Encode, int]:
    """Return the model in `folder` as a function from texts to rows, and the length of a row."""
    # Here, not at the top: only this process may pay their seconds and their hundreds of megabytes, and the
    # parent's death has to be arranged before they begin.
    model: OnnxModel | TorchModel
    if backend is Backend.ONNX:
        from services.llm.adapters.local.onnx_model import OnnxModel

        model = OnnxModel(folder, task, threads)
    else:
        from services.llm.adapters.local.torch_model import TorchModel

        model = TorchModel(folder, task, threads)
    texts: list[Text] = [*_WARM_UP] if task is Task.EMBED else [_WARM_UP]
    warm = model.encode(Ask(kind=_PASSAGE, texts=texts), _go_on)
    return model.encode, len(warm.data) // (4 * len(texts))


def serve(encode: Encode, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer every frame until the input ends; refuse a batch that fails and serve the next one.

    Whatever comes while passages are embedded is answered at their next pause: the service sends no other passages
    before these are answered. `incoming` has no buffer of its own, so that its file says whether there is more; a
    thread that reads ahead would cost each small batch two handovers.
    """
    unread = select.poll()
    unread.register(incoming, select.POLLIN | select.POLLHUP)
    ended = False

    def answer(ask: Ask) -> None:
        reply: Reply | Refusal
        try:
            reply = encode(ask, _go_on if ask.kind == _QUERY else answer_another)
        except Exception as error:
            reply = Refusal(ask.kind, f"{type(error).__name__}: {error}")
        outgoing.write(pack(reply))
        outgoing.flush()

    def answer_another() -> None:
        nonlocal ended
        if ended or not unread.poll(0):
            return
        if (ask := read_ask(incoming)) is None:
            ended = True
        else:
            answer(ask)

    while not ended and (ask := read_ask(incoming)) is not None:
        answer(ask)


def _go_on() -> None:
    """Pause for nobody."""


def main() -> None:
    """Parse the command line above and serve."""
    parser = argparse.ArgumentParser(prog="tiku-local-model")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--backend", type=Backend, required=True)
    parser.add_argument("--task", type=Task, required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    end_with_parent(options.parent)
    step_back()  # Before the model starts its threads, which inherit it.
    # Libraries print; what they print must not land among the frames.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as outgoing:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            encode, dimension = load(options.model, options.backend, options.task, options.threads)
        except Exception as error:
            outgoing.write(pack(Refusal("", f"{type(error).__name__}: {error}")))
            return
        outgoing.write(pack(Ready(dimension)))
        outgoing.flush()
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as incoming:
            serve(encode, incoming, outgoing)


if __name__ == "__main__":
    main()
