"""The calls of docs/gil-holds.md: well known packages, each with inputs that a program would have.

A call's amount is that of its input, so that its figure is a time per megabyte or per 100,000 objects. A
megabyte is a million bytes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MEGABYTE = "MB"
OBJECTS = "100,000 objects"

Prepared = Callable[[], object]


@dataclass(frozen=True)
class Call:
    """One row.

    Attributes:
        package: Its name on the package index; "CPython" for the standard library.
        text: The call with its input, as the page shows it.
        prepare: Makes the input and returns what is measured.
        amount: Of the input, in `unit`.
        objects: Its result consists of Python objects, or it reads them. No other thread may run meanwhile.
    """

    package: str
    text: str
    prepare: Callable[[], Prepared]
    amount: float
    unit: str = MEGABYTE
    objects: bool = False

    @property
    def modules(self) -> str:
        """What must be installed; empty for the standard library."""
        return "" if self.package == "CPython" else self.package


def _records(count: int) -> list[dict[str, Any]]:
    """Boxes as a detector's results, about 100 bytes of JSON each."""
    pick = random.Random(1).random
    return [
        {"id": n, "label": "person", "score": pick(), "box": [pick(), pick(), pick(), pick()]}
        for n in range(count)
    ]


def _json(megabytes: int) -> str:
    import json  # noqa: PLC0415

    text = json.dumps(_records(megabytes * 12_000))
    return text[: text.rindex("}", 0, megabytes * 1_000_000) + 1] + "]"


def _text(megabytes: float) -> str:
    words = ["the", "camera", "sees", "a", "person", "walking", "past", "door", "number", "17", "at", "noon"]
    pick = random.Random(2).choice
    return " ".join(pick(words) for _ in range(int(megabytes * 190_000)))[: int(megabytes * 1_000_000)]


def _csv(megabytes: int) -> str:
    pick = random.Random(3).random
    lines = [f"{n},{pick():.6f},{pick():.6f},camera-{n % 16}" for n in range(megabytes * 32_000)]
    return "number,x,y,name\n" + "\n".join(lines)


def _picture(height: int = 2160) -> Any:
    """3840x2160 in colour: a gradient with noise, about as hard to compress as a photo."""
    import numpy as np  # noqa: PLC0415

    rows, columns = np.mgrid[0:height, 0 : height * 16 // 9]
    base = np.stack([rows * 255 // height, columns * 127 // height, (rows + columns) // 24], axis=-1)
    noise = np.random.default_rng(4).integers(0, 32, base.shape)
    return ((base + noise) % 256).astype(np.uint8)


PICTURE_MB = 3840 * 2160 * 3 / 1e6
HD_MB = 1920 * 1080 * 3 / 1e6

# ---- the standard library


def _json_loads() -> Prepared:
    import json  # noqa: PLC0415

    text = _json(4)
    return lambda: json.loads(text)


def _json_dumps() -> Prepared:
    import json  # noqa: PLC0415

    records = json.loads(_json(4))
    return lambda: json.dumps(records)


def _pickle_loads() -> Prepared:
    import json  # noqa: PLC0415
    import pickle  # noqa: PLC0415

    data = pickle.dumps(json.loads(_json(20)))
    return lambda: pickle.loads(data)


def _re() -> Prepared:
    import re  # noqa: PLC0415

    text, pattern = _text(4), re.compile(r"\bdoor number (\d+)")
    return lambda: pattern.findall(text)


def _sha256() -> Prepared:
    import hashlib  # noqa: PLC0415

    data = bytes(50_000_000)
    return lambda: hashlib.sha256(data)


def _zlib() -> Prepared:
    import zlib  # noqa: PLC0415

    data = _text(4).encode()
    return lambda: zlib.compress(data)


def _sqlite() -> Prepared:
    import sqlite3  # noqa: PLC0415

    base = sqlite3.connect(":memory:")
    base.execute("create table boxes (number integer, x real)")
    pick = random.Random(5).random
    base.executemany("insert into boxes values (?, ?)", ((n, pick()) for n in range(400_000)))
    return lambda: base.execute("select sum(x), count(*) from boxes where x * number > 1000").fetchall()


# ---- pictures


def _cv2_blur() -> Prepared:
    import cv2  # noqa: PLC0415

    picture = _picture()
    return lambda: cv2.GaussianBlur(picture, (31, 31), 0)


def _cv2_jpeg() -> Prepared:
    import cv2  # noqa: PLC0415

    picture = _picture()
    return lambda: cv2.imencode(".jpg", picture)


def _pil(height: int = 2160) -> Any:
    from PIL import Image  # noqa: PLC0415

    return Image.fromarray(_picture(height))


def _pil_resize() -> Prepared:
    image = _pil()
    return lambda: image.resize((1920, 1080))


def _pil_jpeg() -> Prepared:
    image = _pil()
    return lambda: image.save(io.BytesIO(), "JPEG")


def _pil_colors() -> Prepared:
    image = _pil(1080)
    return lambda: image.getcolors(2_000_000)


def _matplotlib() -> Prepared:
    import numpy as np  # noqa: PLC0415
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 8))
    axes = figure.add_subplot()
    axes.scatter(*np.random.default_rng(6).normal(size=(2, 100_000)), s=4)
    canvas = FigureCanvasAgg(figure)
    call: Prepared = canvas.draw
    return call


def _contour() -> Prepared:
    import contourpy  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    heights = np.random.default_rng(7).normal(size=(3000, 3000)).cumsum(0).cumsum(1)
    generator = contourpy.contour_generator(z=heights)
    return lambda: generator.lines(0.0)


# ---- arrays and tables


def _numpy_sort() -> Prepared:
    import numpy as np  # noqa: PLC0415

    array = np.random.default_rng(8).random(2_000_000)
    return lambda: np.sort(array)


def _numpy_text() -> Prepared:
    import numpy as np  # noqa: PLC0415

    array = np.random.default_rng(9).random(100_000)
    return lambda: array.astype("U")


def _numpy_from_list() -> Prepared:
    import numpy as np  # noqa: PLC0415

    numbers = [n * 0.5 for n in range(1_000_000)]
    return lambda: np.array(numbers)


def _scipy_filter() -> Prepared:
    from scipy import ndimage  # noqa: PLC0415

    picture = _picture(1080)[:, :, 0].astype("f4")
    return lambda: ndimage.gaussian_filter(picture, 4)


def _scipy_tree() -> Prepared:
    import numpy as np  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    points = np.random.default_rng(10).random((200_000, 2))
    tree = cKDTree(points)
    return lambda: tree.query(points)


def _pandas_csv() -> Prepared:
    import pandas  # noqa: PLC0415

    text = _csv(10)
    return lambda: pandas.read_csv(io.StringIO(text))


def _pandas_group() -> Prepared:
    import pandas  # noqa: PLC0415

    table = pandas.read_csv(io.StringIO(_csv(60)))
    return lambda: table.groupby("name")["x"].sum()  # noqa: PLW0108  (groupby() is measured, too)


def _pandas_json() -> Prepared:
    import pandas  # noqa: PLC0415

    table = pandas.read_csv(io.StringIO(_csv(4)))
    return lambda: table.to_json(orient="records")


def _polars_csv() -> Prepared:
    import polars  # noqa: PLC0415

    data = _csv(20).encode()
    return lambda: polars.read_csv(data)


def _polars_dicts() -> Prepared:
    import polars  # noqa: PLC0415

    table = polars.read_csv(_csv(4).encode()).head(100_000)
    call: Prepared = table.to_dicts
    return call


def _arrow_csv() -> Prepared:
    import pyarrow.csv  # noqa: PLC0415

    data = _csv(20).encode()
    return lambda: pyarrow.csv.read_csv(io.BytesIO(data))


def _arrow_list() -> Prepared:
    import pyarrow  # noqa: PLC0415

    array = pyarrow.array(range(2_000_000))
    call: Prepared = array.to_pylist
    return call


def _duckdb() -> Prepared:
    import duckdb  # noqa: PLC0415

    base = duckdb.connect()
    base.execute("create table boxes as select range as number, random() as x from range(2000000)")
    return lambda: base.execute("select number % 1000, median(x) from boxes group by 1").fetchall()


def _h5py() -> Prepared:
    import h5py  # noqa: PLC0415

    picture = _picture()
    file = h5py.File("in memory", "w", driver="core", backing_store=False)
    numbers = iter(range(1000))
    return lambda: file.create_dataset(str(next(numbers)), data=picture, compression="gzip")


# ---- text and documents


def _orjson_loads() -> Prepared:
    import orjson  # noqa: PLC0415

    text = _json(10).encode()
    return lambda: orjson.loads(text)


def _orjson_dumps() -> Prepared:
    import orjson  # noqa: PLC0415

    records = orjson.loads(_json(10))
    return lambda: orjson.dumps(records)


def _ujson_loads() -> Prepared:
    import ujson  # noqa: PLC0415

    text = _json(4)
    return lambda: ujson.loads(text)


def _msgpack() -> Prepared:
    import msgpack  # noqa: PLC0415

    data = msgpack.packb(_records(50_000))
    return lambda: msgpack.unpackb(data)


def _xml() -> bytes:
    lines = "".join(
        f'<box number="{n}"><x>{n / 7:.5f}</x><label>person</label></box>\n' for n in range(80_000)
    )
    return f"<boxes>{lines}</boxes>".encode()


def _lxml_parse() -> Prepared:
    from lxml import etree  # noqa: PLC0415

    data = _xml()
    return lambda: etree.fromstring(data)


def _lxml_write() -> Prepared:
    from lxml import etree  # noqa: PLC0415

    tree = etree.fromstring(_xml())
    return lambda: etree.tostring(tree)


def _lxml_xpath() -> Prepared:
    from lxml import etree  # noqa: PLC0415

    tree = etree.fromstring(_xml())
    return lambda: tree.xpath("count(//box[x > 1000])")


def _regex() -> Prepared:
    import regex  # noqa: PLC0415

    text, pattern = _text(40), regex.compile(r"\bdoor number (\d+)")
    return lambda: pattern.findall(text)


def _tokenizers() -> Prepared:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator([_text(0.1)], trainers.BpeTrainer(vocab_size=300, show_progress=False))
    text = _text(0.5)
    return lambda: tokenizer.encode(text)


# ---- compression and ciphers


def _lz4() -> Prepared:
    import lz4.frame  # noqa: PLC0415

    data = _text(20).encode()
    return lambda: lz4.frame.compress(data)


def _zstandard() -> Prepared:
    import zstandard  # noqa: PLC0415

    data, compressor = _text(20).encode(), zstandard.ZstdCompressor()
    return lambda: compressor.compress(data)


def _brotli() -> Prepared:
    import brotli  # noqa: PLC0415

    data = _text(4).encode()
    return lambda: brotli.compress(data, quality=5)


def _aes() -> Prepared:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    cipher, data = AESGCM(bytes(32)), bytes(50_000_000)
    return lambda: cipher.encrypt(bytes(12), data, None)


def _pbkdf2() -> Prepared:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC  # noqa: PLC0415

    return lambda: PBKDF2HMAC(hashes.SHA256(), 32, b"salt", 300_000).derive(b"password")


CALLS = (
    Call("brotli", "`compress(4 MB of text, quality=5)`", _brotli, 4),
    Call("contourpy", "`lines(0)` through 3000x3000 numbers", _contour, 3000 * 3000 * 8 / 1e6),
    Call("CPython", "`json.loads(4 MB)`", _json_loads, 4, objects=True),
    Call("CPython", "`json.dumps(4 MB)`", _json_dumps, 4, objects=True),
    Call("CPython", "`pickle.loads()` of the objects of 20 MB of JSON", _pickle_loads, 20, objects=True),
    Call("CPython", "`re.findall()` in 4 MB of text", _re, 4),
    Call("CPython", "`hashlib.sha256(50 MB)`", _sha256, 50),
    Call("CPython", "`zlib.compress(4 MB of text)`", _zlib, 4),
    Call("CPython", "`sqlite3`: a sum over 400,000 rows", _sqlite, 4, OBJECTS),
    Call("cryptography", "`AESGCM.encrypt(50 MB)`", _aes, 50),
    Call("cryptography", "`PBKDF2HMAC.derive()`, 300,000 turns", _pbkdf2, 3, "100,000 turns"),
    Call("duckdb", "1,000 medians over 2,000,000 rows", _duckdb, 20, "100,000 rows"),
    Call("h5py", "`create_dataset(4K picture, compression='gzip')`", _h5py, PICTURE_MB),
    Call("lxml", "`etree.fromstring(5 MB)`", _lxml_parse, 5),
    Call("lxml", "`etree.tostring(5 MB)`", _lxml_write, 5),
    Call("lxml", "`xpath()` over 80,000 elements", _lxml_xpath, 0.8, "100,000 elements"),
    Call("lz4", "`frame.compress(20 MB of text)`", _lz4, 20),
    Call("matplotlib", "`draw()` of 100,000 points", _matplotlib, 1, "100,000 points"),
    Call("msgpack", "`unpackb()` of 50,000 records", _msgpack, 4.5, OBJECTS, objects=True),
    Call("numpy", "`sort(2,000,000 numbers)`", _numpy_sort, 16),
    Call("numpy", "`astype('U')` of 100,000 numbers", _numpy_text, 1, OBJECTS, objects=True),
    Call("numpy", "`array(list of 1,000,000 floats)`", _numpy_from_list, 10, OBJECTS, objects=True),
    Call("opencv-python-headless", "`GaussianBlur(4K, 31x31)`", _cv2_blur, PICTURE_MB),
    Call("opencv-python-headless", "`imencode('.jpg', 4K)`", _cv2_jpeg, PICTURE_MB),
    Call("orjson", "`loads(10 MB)`", _orjson_loads, 10, objects=True),
    Call("orjson", "`dumps(10 MB)`", _orjson_dumps, 10, objects=True),
    Call("pandas", "`read_csv(10 MB)`", _pandas_csv, 10),
    Call("pandas", "`groupby().sum()` over 1,920,000 rows", _pandas_group, 19.2, "100,000 rows"),
    Call("pandas", "`to_json()` of 128,000 rows", _pandas_json, 1.28, "100,000 rows"),
    Call("pillow", "`Image.resize(4K to 1080p)`", _pil_resize, PICTURE_MB),
    Call("pillow", "`Image.save(4K, 'JPEG')`", _pil_jpeg, PICTURE_MB),
    Call("pillow", "`Image.getcolors()` of 1080p", _pil_colors, HD_MB),
    Call("polars", "`read_csv(20 MB)`", _polars_csv, 20),
    Call("polars", "`to_dicts()` of 100,000 rows", _polars_dicts, 4, OBJECTS, objects=True),
    Call("pyarrow", "`csv.read_csv(20 MB)`", _arrow_csv, 20),
    Call("pyarrow", "`to_pylist()` of 2,000,000 numbers", _arrow_list, 20, OBJECTS, objects=True),
    Call("regex", "`findall()` in 40 MB of text", _regex, 40),
    Call("scipy", "`ndimage.gaussian_filter(1080p, 4)`", _scipy_filter, 1920 * 1080 * 4 / 1e6),
    Call("scipy", "`cKDTree.query(200,000 points)`", _scipy_tree, 2, "100,000 points"),
    Call("tokenizers", "`encode(0.5 MB of text)`", _tokenizers, 0.5),
    Call("ujson", "`loads(4 MB)`", _ujson_loads, 4, objects=True),
    Call("zstandard", "`ZstdCompressor().compress(20 MB of text)`", _zstandard, 20),
)
