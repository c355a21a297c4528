"""The calls of docs/benchmarks/gil-holds.md: well known packages, each with inputs that a program would have.

Each call states the amount of its input, so that its figure is a time per megabyte or per 100,000 objects.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from inputs import HD_MB, PICTURE_MB
from packages import compression, pictures, tables, texts
from packages import standard_library as standard
from row import OBJECTS, Call

__all__ = ["CALLS", "Call"]

CALLS = (
    Call("brotli", "`compress(4 MB of text, quality=5)`", compression.brotli, 4),
    Call("contourpy", "`lines(0)` through 3000x3000 numbers", pictures.contour, 3000 * 3000 * 8 / 1e6),
    Call("CPython", "`json.loads(4 MB)`", standard.json_loads, 4, objects=True),
    Call("CPython", "`json.dumps(4 MB)`", standard.json_dumps, 4, objects=True),
    Call(
        "CPython",
        "`pickle.loads()` of the objects of 20 MB of JSON",
        standard.pickle_loads,
        20,
        objects=True,
    ),
    Call("CPython", "`re.findall()` in 4 MB of text", standard.re, 4),
    Call("CPython", "`hashlib.sha256(50 MB)`", standard.sha256, 50),
    Call("CPython", "`zlib.compress(4 MB of text)`", standard.zlib, 4),
    Call("CPython", "`sqlite3`: a sum over 400,000 rows", standard.sqlite, 4, OBJECTS),
    Call("cryptography", "`AESGCM.encrypt(50 MB)`", compression.aes, 50),
    Call("cryptography", "`PBKDF2HMAC.derive()`, 300,000 turns", compression.pbkdf2, 3, "100,000 turns"),
    Call("duckdb", "1,000 medians over 2,000,000 rows", tables.duckdb, 20, "100,000 rows"),
    Call("h5py", "`create_dataset(4K picture, compression='gzip')`", tables.h5py, PICTURE_MB),
    Call("lxml", "`etree.fromstring(5 MB)`", texts.lxml_parse, 5),
    Call("lxml", "`etree.tostring(5 MB)`", texts.lxml_write, 5),
    Call("lxml", "`xpath()` over 80,000 elements", texts.lxml_xpath, 0.8, "100,000 elements"),
    Call("lz4", "`frame.compress(20 MB of text)`", compression.lz4, 20),
    Call("matplotlib", "`draw()` of 100,000 points", pictures.matplotlib, 1, "100,000 points"),
    Call("msgpack", "`unpackb()` of 50,000 records", texts.msgpack, 4.5, OBJECTS, objects=True),
    Call("numpy", "`sort(2,000,000 numbers)`", tables.numpy_sort, 16),
    Call("numpy", "`astype('U')` of 100,000 numbers", tables.numpy_text, 1, OBJECTS, objects=True),
    Call("numpy", "`array(list of 1,000,000 floats)`", tables.numpy_from_list, 10, OBJECTS, objects=True),
    Call("opencv-python-headless", "`GaussianBlur(4K, 31x31)`", pictures.cv2_blur, PICTURE_MB),
    Call("opencv-python-headless", "`imencode('.jpg', 4K)`", pictures.cv2_jpeg, PICTURE_MB),
    Call("orjson", "`loads(10 MB)`", texts.orjson_loads, 10, objects=True),
    Call("orjson", "`dumps(10 MB)`", texts.orjson_dumps, 10, objects=True),
    Call("pandas", "`read_csv(10 MB)`", tables.pandas_csv, 10),
    Call("pandas", "`groupby().sum()` over 1,920,000 rows", tables.pandas_group, 19.2, "100,000 rows"),
    Call("pandas", "`to_json()` of 128,000 rows", tables.pandas_json, 1.28, "100,000 rows"),
    Call("pillow", "`Image.resize(4K to 1080p)`", pictures.pil_resize, PICTURE_MB),
    Call("pillow", "`Image.save(4K, 'JPEG')`", pictures.pil_jpeg, PICTURE_MB),
    Call("pillow", "`Image.getcolors()` of 1080p", pictures.pil_colors, HD_MB),
    Call("polars", "`read_csv(20 MB)`", tables.polars_csv, 20),
    Call("polars", "`to_dicts()` of 100,000 rows", tables.polars_dicts, 4, OBJECTS, objects=True),
    Call("pyarrow", "`csv.read_csv(20 MB)`", tables.arrow_csv, 20),
    Call("pyarrow", "`to_pylist()` of 2,000,000 numbers", tables.arrow_list, 20, OBJECTS, objects=True),
    Call("regex", "`findall()` in 40 MB of text", texts.regex, 40),
    Call("scipy", "`ndimage.gaussian_filter(1080p, 4)`", tables.scipy_filter, 1920 * 1080 * 4 / 1e6),
    Call("scipy", "`cKDTree.query(200,000 points)`", tables.scipy_tree, 2, "100,000 points"),
    Call("tokenizers", "`encode(0.5 MB of text)`", texts.tokenizers, 0.5),
    Call("ujson", "`loads(4 MB)`", texts.ujson_loads, 4, objects=True),
    Call("zstandard", "`ZstdCompressor().compress(20 MB of text)`", compression.zstandard, 20),
)
