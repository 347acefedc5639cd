"""Configurations of the LiteLLM proxy, translated into a providers file: docs/from-litellm.md."""
