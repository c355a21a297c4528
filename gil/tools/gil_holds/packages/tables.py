"""Calls of arrays and tables."""

# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D103 (calls.py says what each is)
from __future__ import annotations

import io

from inputs import csv_text, picture_of
from row import Prepared


def numpy_sort() -> Prepared:
    import numpy as np  # noqa: PLC0415

    array = np.random.default_rng(8).random(2_000_000)
    return lambda: np.sort(array)


def numpy_text() -> Prepared:
    import numpy as np  # noqa: PLC0415

    array = np.random.default_rng(9).random(100_000)
    return lambda: array.astype("U")


def numpy_from_list() -> Prepared:
    import numpy as np  # noqa: PLC0415

    numbers = [n * 0.5 for n in range(1_000_000)]
    return lambda: np.array(numbers)


def scipy_filter() -> Prepared:
    from scipy import ndimage  # noqa: PLC0415

    picture = picture_of(1080)[:, :, 0].astype("f4")
    return lambda: ndimage.gaussian_filter(picture, 4)


def scipy_tree() -> Prepared:
    import numpy as np  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    points = np.random.default_rng(10).random((200_000, 2))
    tree = cKDTree(points)
    return lambda: tree.query(points)


def pandas_csv() -> Prepared:
    import pandas  # noqa: PLC0415

    text = csv_text(10)
    return lambda: pandas.read_csv(io.StringIO(text))


def pandas_group() -> Prepared:
    import pandas  # noqa: PLC0415

    table = pandas.read_csv(io.StringIO(csv_text(60)))
    return lambda: table.groupby("name")["x"].sum()  # noqa: PLW0108  (groupby() is measured, too)


def pandas_json() -> Prepared:
    import pandas  # noqa: PLC0415

    table = pandas.read_csv(io.StringIO(csv_text(4)))
    return lambda: table.to_json(orient="records")


def polars_csv() -> Prepared:
    import polars  # noqa: PLC0415

    data = csv_text(20).encode()
    return lambda: polars.read_csv(data)


def polars_dicts() -> Prepared:
    import polars  # noqa: PLC0415

    table = polars.read_csv(csv_text(4).encode()).head(100_000)
    call: Prepared = table.to_dicts
    return call


def arrow_csv() -> Prepared:
    import pyarrow.csv  # noqa: PLC0415

    data = csv_text(20).encode()
    return lambda: pyarrow.csv.read_csv(io.BytesIO(data))


def arrow_list() -> Prepared:
    import pyarrow  # noqa: PLC0415

    array = pyarrow.array(range(2_000_000))
    call: Prepared = array.to_pylist
    return call


def duckdb() -> Prepared:
    import duckdb  # noqa: PLC0415

    base = duckdb.connect()
    base.execute("create table boxes as select range as number, random() as x from range(2000000)")
    return lambda: base.execute("select number % 1000, median(x) from boxes group by 1").fetchall()


def h5py() -> Prepared:
    import h5py  # noqa: PLC0415

    picture = picture_of()
    file = h5py.File("in memory", "w", driver="core", backing_store=False)
    numbers = iter(range(1000))
    return lambda: file.create_dataset(str(next(numbers)), data=picture, compression="gzip")
