"""Calls of compression and ciphers."""

# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D103 (calls.py says what each is)
from __future__ import annotations

from inputs import text_of
from row import Prepared


def lz4() -> Prepared:
    import lz4.frame  # noqa: PLC0415

    data = text_of(20).encode()
    return lambda: lz4.frame.compress(data)


def zstandard() -> Prepared:
    import zstandard  # noqa: PLC0415

    data, compressor = text_of(20).encode(), zstandard.ZstdCompressor()
    return lambda: compressor.compress(data)


def brotli() -> Prepared:
    import brotli  # noqa: PLC0415

    data = text_of(4).encode()
    return lambda: brotli.compress(data, quality=5)


def aes() -> Prepared:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    cipher, data = AESGCM(bytes(32)), bytes(50_000_000)
    return lambda: cipher.encrypt(bytes(12), data, None)


def pbkdf2() -> Prepared:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC  # noqa: PLC0415

    return lambda: PBKDF2HMAC(hashes.SHA256(), 32, b"salt", 300_000).derive(b"password")
