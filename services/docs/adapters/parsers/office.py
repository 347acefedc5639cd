"""What the readers of Office files share: errors of the libraries below them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from services.docs.values.parsed_document import ParseError, ParseReason

logger = logging.getLogger(__name__)

_XML_LIMIT = "XML_PARSE_HUGE"
"""The option that libxml2 names in each error about a limit of its own."""


@contextmanager
def office_faults() -> Iterator[None]:
    """Turn whatever a library raises on a damaged package, which may be any error, into CORRUPT_FILE, and log it.

    What is no damage but nested deeper, or longer, than the XML library reads is TOO_COMPLEX.
    """
    try:
        yield
    except (ParseError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, RecursionError) or _XML_LIMIT in str(error):
            raise ParseError(ParseReason.TOO_COMPLEX) from error
        logger.warning("an Office file could not be read", exc_info=True)
        raise ParseError(ParseReason.CORRUPT_FILE) from error
