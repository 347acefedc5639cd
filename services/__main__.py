"""The `tiku` command, as `python -m services`."""

from __future__ import annotations

from services.cli import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
