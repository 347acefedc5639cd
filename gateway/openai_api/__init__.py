"""OpenAI's HTTP API over LlmService, so that any OpenAI client works with this gateway as its base URL."""
