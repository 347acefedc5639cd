"""The signature of Alibaba Cloud's APIs, ACS3-HMAC-SHA256.

https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"


def encoded(text: str) -> str:
    """Return a part of a path, or a name or value of a query, as RFC 3986 encodes it."""
    return quote(text, safe="~")


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Return the query string that is signed, and that has to be sent as it is."""
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in sorted(parameters.items()))


def authorization(method: str, path: str, query: str, headers: Mapping[str, str], key_id: str, key_secret: str) -> str:
    """Return the value of the header `Authorization` that signs a request.

    `path` and `query` are encoded. All of `headers` are signed; their names are in lower case, and
    `x-acs-content-sha256` among them is the digest of the body.
    """
    names = sorted(headers)
    lines = (f"{name}:{headers[name].strip()}\n" for name in names)
    signed = ";".join(names)
    canonical = "\n".join([method, path, query, "".join(lines), signed, headers["x-acs-content-sha256"]])
    to_sign = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key_secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={signed},Signature={signature}"
