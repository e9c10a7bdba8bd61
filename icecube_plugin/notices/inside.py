"""Sky maps inside the JSON of a notice: taken out, and named in their place.

No plugin: the reader of LVK's alerts uses it, and the host, which keeps the maps whether or not it
has that reader.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Final

__all__ = ["taken_out"]

_MAP: Final = re.compile(rb'("(?:combined_)?skymap"\s*:\s*)"([^"]{200,})"')
_FITS: Final = (b"SIMPLE  =", b"\x1f\x8b")
"""How a FITS file begins, plain or gzipped."""


@lru_cache(1)  # the reader asks, and then the host for the same notice: decoded once
def taken_out(value: bytes) -> tuple[bytes, Mapping[str, bytes]]:
    """Take the sky maps out of a notice.

    Returns
    -------
    value : bytes
        The notice with ``sha256:... N bytes`` in place of each map.
    maps : mapping of str to bytes
        The FITS files, by their SHA-256.
    """
    maps: dict[str, bytes] = {}

    def reference(match: re.Match[bytes]) -> bytes:
        content = _fits(match[2])
        if content is None:
            return match[0]
        digest = sha256(content).hexdigest()
        maps[digest] = content
        return match[1] + f'"sha256:{digest} {len(content)} bytes"'.encode()

    slim = _MAP.sub(reference, value)
    return slim, MappingProxyType(maps)


def _fits(text: bytes) -> bytes | None:
    plain = text.replace(rb"\/", b"/").replace(rb"\n", b"")  # as JSON may escape them
    try:
        content = binascii.a2b_base64(plain, strict_mode=True)
    except binascii.Error:
        return None
    return content if content.startswith(_FITS) else None
