"""Calls of the standard library."""

# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D103 (calls.py says what each is)
from __future__ import annotations

import random

from inputs import json_text, text_of
from row import Prepared


def json_loads() -> Prepared:
    import json  # noqa: PLC0415

    text = json_text(4)
    return lambda: json.loads(text)


def json_dumps() -> Prepared:
    import json  # noqa: PLC0415

    records = json.loads(json_text(4))
    return lambda: json.dumps(records)


def pickle_loads() -> Prepared:
    import json  # noqa: PLC0415
    import pickle  # noqa: PLC0415

    data = pickle.dumps(json.loads(json_text(20)))
    return lambda: pickle.loads(data)


def re() -> Prepared:
    import re  # noqa: PLC0415

    text, pattern = text_of(4), re.compile(r"\bdoor number (\d+)")
    return lambda: pattern.findall(text)


def sha256() -> Prepared:
    import hashlib  # noqa: PLC0415

    data = bytes(50_000_000)
    return lambda: hashlib.sha256(data)


def zlib() -> Prepared:
    import zlib  # noqa: PLC0415

    data = text_of(4).encode()
    return lambda: zlib.compress(data)


def sqlite() -> Prepared:
    import sqlite3  # noqa: PLC0415

    base = sqlite3.connect(":memory:")
    base.execute("create table boxes (number integer, x real)")
    pick = random.Random(5).random
    base.executemany("insert into boxes values (?, ?)", ((n, pick()) for n in range(400_000)))
    return lambda: base.execute("select sum(x), count(*) from boxes where x * number > 1000").fetchall()
