"""Sign messages for receivers: an HMAC of the body with a shared secret."""

import hashlib
import hmac

SIGNATURE = "X-Mattingd-Signature"
"""The header that holds it."""


def signature(secret: str, body: bytes) -> str:
    """Return `sha256=HEX`, the HMAC of a body under the shared secret."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
