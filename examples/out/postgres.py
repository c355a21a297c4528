"""Writes results to PostgreSQL. The box and the number are the key, so an event sent twice is one row.

pip install 'psycopg[binary]'
python postgres.py postgresql://user@host/db                     # with the built-in scene
python postgres.py postgresql://user@host/db rtsp://cam1.local/stream
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
from typing import Any

import psycopg

import freshframe as ff

TABLE = """create table if not exists events (
    box text, n bigint, source text, at timestamptz, event jsonb, primary key (box, n))"""
ROW = "insert into events values (%s, %s, %s, to_timestamp(%s), %s) on conflict (box, n) do nothing"


class Postgres:
    """Writes each batch in one transaction."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._database: psycopg.Connection[Any] | None = None

    def __call__(self, events: list[dict[str, Any]]) -> None:
        """Returns when the rows are committed."""
        try:
            database = self._connected()
            with database.transaction(), database.cursor() as cursor:
                cursor.executemany(
                    ROW, [(e["box"], e["n"], e["source"], e["spooled"], json.dumps(e)) for e in events]
                )
        except psycopg.DataError as error:  # a value that PostgreSQL cannot store, such as a string with NUL
            raise ff.RefusedError(reason=f"PostgreSQL: {error}") from error
        except BaseException:
            self.close()
            raise

    def _connected(self) -> psycopg.Connection[Any]:
        if self._database is None:
            self._database = psycopg.connect(
                self._url, connect_timeout=10, autocommit=True, client_encoding="utf8"
            )
            self._database.execute(TABLE)
        return self._database

    def close(self) -> None:
        """Ends the connection."""
        database, self._database = self._database, None
        if database is not None:
            database.close()


def main() -> None:
    """Writes the circles of a source until Ctrl-C, or the end of the source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("source", nargs="?", default="demo:circles?fps=10", help="default: %(default)s")
    parser.add_argument("--spool", default="outgoing", help="the folder, default: %(default)s")
    options = parser.parse_args()
    send = Postgres(options.url)
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(options.source), name="camera"))
    pipeline.add(ff.Spool(options.spool, send), circles)
    pipeline.run()
    send.close()


if __name__ == "__main__":
    main()
