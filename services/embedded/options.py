"""The options of an engine that is a program of its own."""

from __future__ import annotations

import argparse
from typing import NoReturn


class Options(argparse.ArgumentParser):
    """A parser that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """End the program with what is wrong."""
        self.exit(2, f"{self.prog}: {message}; --help shows the options\n")
