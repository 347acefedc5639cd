"""What a folder of a model holds, and what can run it; read without any library of models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from services.kit.start import StartError
from services.llm.values.local import Backend, Task

_ONNX_NAMES: Final = (
    "model_int8.onnx",
    "model_quantized.onnx",
    "model_qint8*.onnx",
    "model_quint8*.onnx",
    "model.onnx",
)
"""As hubs name them; those of 8 bits first."""
_MODULES: Final = {"Transformer", "Pooling", "Normalize"}
"""The modules of sentence-transformers that need no weights besides those of the encoder."""
_POOLINGS: Final = ("cls", "max", "mean")
_OLD_KEYS: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder as sentence-transformers saves it."""

    path: Path

    def backend(self, task: Task, wanted: Backend | None) -> Backend:
        """Return what runs the model: what is wanted, else ONNX Runtime where the folder allows it.

        Raises:
            StartError: the folder holds no model, or nothing that is installed runs it.
        """
        marker = "modules.json" if task is Task.EMBED else "config.json"
        if not (self.path / marker).is_file():
            raise StartError(
                f"{self.path} holds no sentence-transformers model ({marker} is missing); "
                "`tiku models pull` brings the default one of embeddings"
            )
        if task is Task.RERANK and not self._is_cross_encoder:
            raise StartError(f"{self.path} holds no cross-encoder (config.json names no …ForSequenceClassification)")
        obstacle = self.obstacle(task)
        if wanted is Backend.ONNX and obstacle:
            raise StartError(f"{self.path} cannot run on ONNX Runtime: {obstacle}")
        if wanted is not Backend.TORCH and not obstacle:
            return Backend.ONNX
        if find_spec("sentence_transformers") is None:
            raise StartError(
                f"{self.path} needs sentence-transformers, which `pip install 'tiku[torch]'` brings"
                + (f"; without, {obstacle}" if obstacle else "")
            )
        return Backend.TORCH

    def obstacle(self, task: Task) -> str:
        """Return why ONNX Runtime cannot run the model; empty if it can."""
        if self.onnx_file is None:
            return f"there is no ONNX file (`tiku models quantize {self.path}` writes one for a BERT)"
        if not (self.path / "tokenizer.json").is_file():
            return "tokenizer.json is missing"
        if task is Task.RERANK:
            return ""
        if unknown := sorted({kind.rsplit(".", 1)[-1] for kind in self._module_kinds()} - _MODULES):
            return f"modules.json has {', '.join(unknown)}"
        if self.pooling not in _POOLINGS:
            return f"its pooling is {self.pooling}"
        return ""

    @property
    def onnx_file(self) -> Path | None:
        """The ONNX file to run, None without one."""
        found = (
            file for name in _ONNX_NAMES for place in ("onnx", ".") for file in sorted((self.path / place).glob(name))
        )
        return next(found, None)

    @property
    def pooling(self) -> str:
        """How the vectors of tokens become one; several ways with a plus between."""
        config = self._json(f"{self._pooling_folder()}/config.json")
        if config.get("include_prompt") is False:
            return "without the prompt"
        modes = config.get("pooling_mode") or [mode for key, mode in _OLD_KEYS.items() if config.get(key)] or "mean"
        return modes if isinstance(modes, str) else "+".join(modes)

    @property
    def prompts(self) -> Mapping[str, str]:
        """What is put before a text of each kind."""
        prompts: Mapping[str, str] = self._json("config_sentence_transformers.json").get("prompts") or {}
        return prompts

    @property
    def most_tokens(self) -> int:
        """As many tokens of a text are read."""
        config = self._json("config.json")
        limits = (
            self._json("sentence_bert_config.json").get("max_seq_length"),
            self._json("tokenizer_config.json").get("model_max_length"),
            config.get("max_position_embeddings"),
        )
        return min((int(limit) for limit in limits if limit), default=512)

    @property
    def activated(self) -> bool:
        """Whether a cross-encoder's scores are brought between 0 and 1, as sentence-transformers does by default."""
        config = self._json("config.json")
        own = config.get("sentence_transformers") or {}
        name = own.get("activation_fn") or config.get("sbert_ce_default_activation_function") or ""
        return not name.endswith("Identity")

    @property
    def _is_cross_encoder(self) -> bool:
        names = self._json("config.json").get("architectures") or ()
        return any(name.endswith("ForSequenceClassification") for name in names)

    def _module_kinds(self) -> Iterator[str]:
        return (module["type"] for module in self._modules())

    def _pooling_folder(self) -> str:
        return next((str(one["path"]) for one in self._modules() if one["type"].endswith("Pooling")), "1_Pooling")

    def _modules(self) -> Sequence[Mapping[str, str]]:
        try:
            modules: Sequence[Mapping[str, str]] = json.loads((self.path / "modules.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return ()
        return modules

    def _json(self, name: str) -> Mapping[str, Any]:
        try:
            content: Mapping[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return content
