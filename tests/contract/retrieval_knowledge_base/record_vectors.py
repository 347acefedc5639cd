"""Record how Alibaba Cloud's SDK signs a call of Retrieve, into `signed_by_the_sdk.json` beside this file.

Run it where the SDK is installed (`alibabacloud-bailian20231229==2.14.5`, which Tiku itself does not need). The SDK's
request is never sent; keys, date and nonce are made up, so the file holds no secret.
"""

from __future__ import annotations

import contextlib
import json
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

# Tiku declares none of these, so nothing here may import them by name.
models = import_module("alibabacloud_bailian20231229.models")
Client = import_module("alibabacloud_bailian20231229.client").Client
Utils = import_module("alibabacloud_tea_openapi.utils").Utils
Config = import_module("alibabacloud_tea_openapi.utils_models").Config
DaraCore = import_module("darabonba.core").DaraCore
RuntimeOptions = import_module("darabonba.runtime").RuntimeOptions

KEY_ID, KEY_SECRET = "LTAI-made-up", "made-up-secret"
DATE, NONCE = "2026-11-29T14:30:00Z", "8d3f6c2ab1e94f0f9d3a5c7e1b2f4a60"
CASES: list[dict[str, Any]] = [
    {"query": "光合作用的产物是什么？"},
    {"query": "What is photosynthesis?", "rerank_top_n": 20, "enable_reranking": True},
    {"query": 'a~b*c+d/e f%20g&h=i\'(j)!k\n"l"；🙂', "rerank_min_score": 0.01},
    {"query": "", "enable_reranking": False, "dense_similarity_top_k": 20, "sparse_similarity_top_k": 20},
    {"query": "x" * 3000, "save_retriever_history": False, "enable_rewrite": True},
]


def main() -> None:
    """Write the file."""
    endpoint = "bailian.cn-beijing.aliyuncs.com"
    client = Client(Config(access_key_id=KEY_ID, access_key_secret=KEY_SECRET, endpoint=endpoint))
    vectors: list[dict[str, Any]] = []
    for number, case in enumerate(CASES):
        workspace = "llm-workspace" if number else "llm ~*+/空间"
        request = models.RetrieveRequest(index_id="index~1", **case)
        with (
            mock.patch.object(Utils, "get_nonce", return_value=NONCE),
            mock.patch.object(Utils, "get_timestamp", return_value=DATE),
            # It would name this machine.
            mock.patch.object(Utils, "get_user_agent", return_value="sdk"),
            mock.patch.object(DaraCore, "do_action", side_effect=ConnectionError) as do_action,
            contextlib.suppress(Exception),
        ):
            client.retrieve_with_options(workspace, request, {}, RuntimeOptions(autoretry=False))
        sent = do_action.call_args.args[0]
        vectors.append(
            {
                "workspace_id": workspace,
                "method": sent.method,
                "path": sent.pathname,
                "query": sent.query,
                "headers": sent.headers,
            }
        )
    document = {
        "made_by": "alibabacloud-bailian20231229==2.14.5, tests/contract/retrieval_knowledge_base/record_vectors.py",
        "access_key_id": KEY_ID,
        "access_key_secret": KEY_SECRET,
        "vectors": vectors,
    }
    path = Path(__file__).with_name("signed_by_the_sdk.json")
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
