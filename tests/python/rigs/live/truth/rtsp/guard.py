"""Basic and Digest: RFC 7617, RFC 7616 (MD5, SHA-256, qop "auth"), RFC 2069 (Digest without qop)."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["Basic", "MD5", "SHA-256"]
Answer = Literal["right", "wrong", "stale"]
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass(frozen=True)
class Guard:
    """Which client may connect, and how it authenticates.

    Attributes:
        name: User name.
        password: Password of the user.
        schemes: Offered in this order, each in its own header.
        qop: Digest requires a counter and a nonce from the client.
        stale_after: Number of requests after which a nonce is stale; 0 means never.
        realm: The realm in the challenge.
    """

    name: str
    password: str
    schemes: tuple[Scheme, ...] = ("Basic",)
    qop: bool = True
    stale_after: int = 0
    realm: str = "truth"

    def challenges(self, nonce: str, *, stale: bool = False) -> list[str]:
        """Returns the values of the WWW-Authenticate headers."""
        lines = []
        for scheme in self.schemes:
            if scheme == "Basic":
                lines.append(f'Basic realm="{self.realm}"')
                continue
            line = f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={scheme}'
            line += ', qop="auth"' if self.qop else ""
            lines.append(line + (", stale=true" if stale else ""))
        return lines

    def judge(self, verb: str, authorization: str, nonce: str) -> Answer:
        """Checks the Authorization header of a request."""
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "basic" and "Basic" in self.schemes:
            wanted = base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
            return "right" if rest.strip() == wanted else "wrong"
        if scheme.lower() != "digest":
            return "wrong"
        given = {key.lower(): a or b for key, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', rest)}
        algorithm = given.get("algorithm", "MD5").upper()
        known = algorithm in HASHES and algorithm in self.schemes and given.get("username") == self.name
        if not known or ("qop" in given) != self.qop or given.get("realm") != self.realm:
            return "wrong"
        if given.get("response") != digest(verb, self.password, algorithm, given):
            return "wrong"
        return "right" if given.get("nonce") == nonce else "stale"


def digest(verb: str, password: str, algorithm: str, given: dict[str, str]) -> str:
    """Returns the expected Digest response for these parameters."""

    def hashed(*parts: str) -> str:
        return HASHES[algorithm](":".join(parts).encode()).hexdigest()

    secret = hashed(given.get("username", ""), given.get("realm", ""), password)
    what = hashed(verb, given.get("uri", ""))
    nonce = given.get("nonce", "")
    if "qop" not in given:
        return hashed(secret, nonce, what)
    return hashed(secret, nonce, given.get("nc", ""), given.get("cnonce", ""), given["qop"], what)
