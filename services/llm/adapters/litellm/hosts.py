"""What the prefix of a model says in a LiteLLM configuration: whose API it is, and where that is OpenAI's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Host:
    """A provider that LiteLLM knows by a prefix and that answers OpenAI's chat API."""

    base_url: str = ""
    """Where it is unless `api_base` says otherwise; empty for a server of one's own, which has to be named."""
    key_variable: str = ""
    """Where LiteLLM finds its key unless `api_key` says otherwise; empty for a server that needs none."""
    suffix: str = ""
    """What follows `api_base` where it does not end in it: the path of OpenAI's API on that server."""
    dialect: Literal["openai", "dashscope", "kimi"] = "openai"
    own_api: bool = False
    """Whether LiteLLM speaks another API to it, so that parameters may differ."""


_OWN_SERVER: Final = Host()

HOSTS: Final[Mapping[str, Host]] = {
    "openai": Host("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "custom_openai": _OWN_SERVER,
    "openai_like": _OWN_SERVER,
    "aiohttp_openai": _OWN_SERVER,
    "hosted_vllm": _OWN_SERVER,
    "vllm": _OWN_SERVER,
    "lm_studio": _OWN_SERVER,
    "llamafile": Host("http://127.0.0.1:8080/v1"),
    "xinference": _OWN_SERVER,
    "litellm_proxy": Host("", "LITELLM_PROXY_API_KEY"),
    "ollama": Host("http://127.0.0.1:11434/v1", suffix="/v1", own_api=True),
    "ollama_chat": Host("http://127.0.0.1:11434/v1", suffix="/v1", own_api=True),
    "huggingface": Host("https://router.huggingface.co/v1", "HUGGINGFACE_API_KEY", suffix="/v1"),
    "azure": Host("", "AZURE_API_KEY", suffix="/openai/v1", own_api=True),
    "dashscope": Host(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", dialect="dashscope"
    ),
    "deepseek": Host("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "moonshot": Host("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", dialect="kimi"),
    "volcengine": Host("https://ark.cn-beijing.volces.com/api/v3", "VOLCENGINE_API_KEY"),
    "zai": Host("https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
    "groq": Host("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": Host("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "together_ai": Host("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    "fireworks_ai": Host("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "openrouter": Host("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "perplexity": Host("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "xai": Host("https://api.x.ai/v1", "XAI_API_KEY"),
    "deepinfra": Host("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
    "anyscale": Host("https://api.endpoints.anyscale.com/v1", "ANYSCALE_API_KEY"),
    "nvidia_nim": Host("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
    "cerebras": Host("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "sambanova": Host("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "meta_llama": Host("https://api.llama.com/compat/v1", "LLAMA_API_KEY"),
    "novita": Host("https://api.novita.ai/v3/openai", "NOVITA_API_KEY"),
    "nebius": Host("https://api.studio.nebius.ai/v1", "NEBIUS_API_KEY"),
    "minimax": Host("https://api.minimax.io/v1", "MINIMAX_API_KEY"),
    "lambda_ai": Host("https://api.lambda.ai/v1", "LAMBDA_API_KEY"),
    "friendliai": Host("https://api.friendli.ai/serverless/v1", "FRIENDLI_TOKEN"),
    "gemini": Host("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", own_api=True),
    "anthropic": Host("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", own_api=True),
    "cohere": Host("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", own_api=True),
    "cohere_chat": Host("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", own_api=True),
}
"""By the prefix of `litellm_params.model`. Bedrock, Vertex AI and others that sign requests or have no such API are
not here."""

# LiteLLM has lists of every model; these are their families.
_FAMILIES: Final = (
    (re.compile(r"(gpt-|chatgpt-|o\d|ft:gpt-|text-embedding-|dall-e|whisper|tts-|omni-moderation)"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"command|embed-|rerank-"), "cohere"),
)


def split(model: str, provider: str) -> tuple[str, str]:
    """Return a model's prefix and its name at the provider; no prefix where none can be known.

    `provider` is `custom_llm_provider`, which goes before the prefix.
    """
    prefix, slash, name = model.partition("/")
    if provider:
        return provider, name if slash and prefix == provider else model
    if slash:
        return prefix, name
    return next((family for pattern, family in _FAMILIES if pattern.match(model)), ""), model
