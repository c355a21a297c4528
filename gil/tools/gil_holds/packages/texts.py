"""Calls of texts and documents."""

# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D103 (calls.py says what each is)
from __future__ import annotations

from inputs import json_text, records, text_of
from row import Prepared


def orjson_loads() -> Prepared:
    import orjson  # noqa: PLC0415

    text = json_text(10).encode()
    return lambda: orjson.loads(text)


def orjson_dumps() -> Prepared:
    import orjson  # noqa: PLC0415

    records = orjson.loads(json_text(10))
    return lambda: orjson.dumps(records)


def ujson_loads() -> Prepared:
    import ujson  # noqa: PLC0415

    text = json_text(4)
    return lambda: ujson.loads(text)


def msgpack() -> Prepared:
    import msgpack  # noqa: PLC0415

    data = msgpack.packb(records(50_000))
    return lambda: msgpack.unpackb(data)


def xml() -> bytes:
    lines = "".join(
        f'<box number="{n}"><x>{n / 7:.5f}</x><label>person</label></box>\n' for n in range(80_000)
    )
    return f"<boxes>{lines}</boxes>".encode()


def lxml_parse() -> Prepared:
    from lxml import etree  # noqa: PLC0415

    data = xml()
    return lambda: etree.fromstring(data)


def lxml_write() -> Prepared:
    from lxml import etree  # noqa: PLC0415

    tree = etree.fromstring(xml())
    return lambda: etree.tostring(tree)


def lxml_xpath() -> Prepared:
    from lxml import etree  # noqa: PLC0415

    tree = etree.fromstring(xml())
    return lambda: tree.xpath("count(//box[x > 1000])")


def regex() -> Prepared:
    import regex  # noqa: PLC0415

    text, pattern = text_of(40), regex.compile(r"\bdoor number (\d+)")
    return lambda: pattern.findall(text)


def tokenizers() -> Prepared:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator([text_of(0.1)], trainers.BpeTrainer(vocab_size=300, show_progress=False))
    text = text_of(0.5)
    return lambda: tokenizer.encode(text)
