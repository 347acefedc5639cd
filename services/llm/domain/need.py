"""What a call can come to in tokens, before anybody has counted them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.llm.values.chat import ChatRequest
from services.llm.values.relevance import EmbedInput

_BYTES_PER_TOKEN = 4
"""Four letters of English are about a token, and so are four thirds of a Chinese character's three bytes."""
_MOST_TOKENS_AROUND_A_MESSAGE = 16
"""Every template of a chat has fewer marks around a message, and around all of them."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a call reads and writes, in tokens."""

    most_input_tokens: int = 0
    """No vocabulary makes more of its texts: none has a token for less than a byte."""
    input_tokens: int = 0
    """An estimate, also for what a provider is owed that does not say what it counted."""
    max_output_tokens: int | None = 0
    """The most that it asks a model to write; 0 for a call that writes none, None where it does not say."""

    @property
    def tokens(self) -> int:
        """About how many it takes, all in all."""
        return self.input_tokens + (self.max_output_tokens or 0)


def need_of_chat(prompt: ChatRequest) -> Need:
    """Return what a conversation and its answer can come to."""
    size = prompt.size_bytes()
    around = _MOST_TOKENS_AROUND_A_MESSAGE * (len(prompt.messages) + 1)
    return Need(size + around, size // _BYTES_PER_TOKEN, prompt.max_tokens and prompt.max_tokens * prompt.n)


def need_of_texts(texts: Iterable[str]) -> Need:
    """Return what texts come to that are read and not answered."""
    sizes = [len(text.encode()) for text in texts]
    around = _MOST_TOKENS_AROUND_A_MESSAGE * len(sizes)
    return Need(sum(sizes) + around, sum(sizes) // _BYTES_PER_TOKEN)


def need_of_inputs(inputs: Iterable[EmbedInput]) -> Need:
    """Return what inputs come to that are embedded, some of which may be tokens already."""
    texts: list[str] = []
    tokens = 0
    for item in inputs:
        if isinstance(item, str):
            texts.append(item)
        else:
            tokens += len(item)
    need = need_of_texts(texts)
    return Need(need.most_input_tokens + tokens, need.input_tokens + tokens)
