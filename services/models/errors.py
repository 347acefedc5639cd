"""What can go wrong with a model; each message says what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class ModelError(Exception):
    """The base of this package's errors; the message is meant for the person at the terminal."""


class UnknownModelError(ModelError):
    """The manifest has no model of that name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no model is called {name!r}; the manifest has {', '.join(known)}")


class SourceFailedError(ModelError):
    """A source could not deliver the weights; another one may."""


class DigestMismatchError(SourceFailedError):
    """A source delivered another file than the manifest names; that file was deleted."""

    def __init__(self, file: str, expected: str, found: str) -> None:
        super().__init__(f"{file} has SHA-256 {found}, the manifest says {expected}; the file was deleted")


class NoSourceDeliveredError(ModelError):
    """Every source was tried and failed."""

    def __init__(self, name: str, failures: Sequence[str]) -> None:
        listed = "\n".join(f"  - {failure}" for failure in failures)
        super().__init__(f"{name} could not be had from any source:\n{listed}")


class ConversionFailedError(ModelError):
    """The weights arrived whole, but they could not be converted to the form that is installed."""


class NoSpaceError(ModelError):
    """The disk has too little room; nothing was downloaded."""


class NotWritableError(ModelError):
    """The folder of models may not be changed by this account, and the model is not there."""


class NoFolderError(ModelError):
    """Nothing says where the models are."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"this account has no home folder for the models: set HOME, or {variable} to a folder")
