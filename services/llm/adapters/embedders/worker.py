"""The process that holds an embedding model: loads it, warms it up, embeds one batch after another.

A batch of passages takes a tenth of a second, and a question may not wait for it: between two layers of the model the
worker looks for a batch of questions and embeds that first.

Run as `python -m services.llm.adapters.embedders.worker --parent PID --model FOLDER --threads N`, with frames on
standard input and output. It ends when its input does, and Linux kills it when its parent dies.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import BinaryIO

from services.kit.priority import step_back
from services.kit.workers import end_with_parent
from services.llm.adapters.embedders.frames import EmbedAsk, EmbedReady, EmbedRefusal, EmbedReply, pack, read_ask

Encode = Callable[[EmbedAsk, Callable[[], None]], EmbedReply]
"""Embeds texts, and calls the function at moments when it can wait for another call of its own."""

_QUERY = "query"
_WARM_UP = EmbedAsk(kind="passage", texts=["A short text to warm up with.", "热身。"])


def load(folder: str, threads: int) -> tuple[Encode, int]:
    """Return the model in `folder` as a function from texts to unit vectors, and its dimension."""
    if not any((Path(folder) / name).is_file() for name in ("modules.json", "config.json")):
        raise FileNotFoundError(f"{folder} holds no model")
    # Here, not at the top: only this process may pay their seconds and their hundreds of megabytes, and the
    # parent's death has to be arranged before they begin.
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    torch.set_num_threads(threads)
    model = SentenceTransformer(folder, device="cpu", local_files_only=True)
    model.eval()
    pauses = [_go_on]
    for layers in model.modules():
        for layer in layers if isinstance(layers, torch.nn.ModuleList) else ():
            layer.register_forward_pre_hook(lambda *_: pauses[-1]())

    def encode(ask: EmbedAsk, pause: Callable[[], None]) -> EmbedReply:
        prompt = model.prompts.get(ask.kind) or ""
        with torch.inference_mode(), _pushed(pauses, pause):
            features = model.preprocess([prompt + text for text in ask.texts])
            tokens = int(features["attention_mask"].sum())
            vectors = torch.nn.functional.normalize(model(features)["sentence_embedding"].float(), dim=1)
        return EmbedReply(kind=ask.kind, data=vectors.numpy().astype("<f4").tobytes(), tokens=tokens)

    dimension = len(encode(_WARM_UP, _go_on).data) // (4 * len(_WARM_UP.texts))
    return encode, dimension


def serve(encode: Encode, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer every frame until the input ends; refuse a batch that fails and serve the next one.

    Whatever comes while passages are embedded is answered at their next pause: the service sends no other passages
    before these are answered.
    """
    asks: SimpleQueue[EmbedAsk | None] = SimpleQueue()
    Thread(target=_read, args=(incoming, asks), daemon=True).start()

    def answer(ask: EmbedAsk) -> None:
        reply: EmbedReply | EmbedRefusal
        try:
            reply = encode(ask, _go_on if ask.kind == _QUERY else answer_another)
        except Exception as error:
            reply = EmbedRefusal(ask.kind, f"{type(error).__name__}: {error}")
        outgoing.write(pack(reply))
        outgoing.flush()

    def answer_another() -> None:
        with contextlib.suppress(Empty):
            if (ask := asks.get_nowait()) is not None:
                answer(ask)
            else:
                asks.put(None)

    while (ask := asks.get()) is not None:
        answer(ask)


def _read(incoming: BinaryIO, asks: SimpleQueue[EmbedAsk | None]) -> None:
    try:
        while (ask := read_ask(incoming)) is not None:
            asks.put(ask)
    finally:
        asks.put(None)


def _go_on() -> None:
    """Pause for nobody."""


@contextlib.contextmanager
def _pushed(stack: list[Callable[[], None]], pause: Callable[[], None]) -> Iterator[None]:
    stack.append(pause)
    try:
        yield
    finally:
        stack.pop()


def main() -> None:
    """Parse the command line above and serve."""
    parser = argparse.ArgumentParser(prog="tiku-embedder")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    end_with_parent(options.parent)
    step_back()  # Before torch starts its threads, which inherit it.
    # Libraries print; what they print must not land among the frames.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as outgoing:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            encode, dimension = load(options.model, options.threads)
        except Exception as error:
            outgoing.write(pack(EmbedRefusal("", f"{type(error).__name__}: {error}")))
            return
        outgoing.write(pack(EmbedReady(dimension)))
        outgoing.flush()
        serve(encode, sys.stdin.buffer, outgoing)


if __name__ == "__main__":
    main()
