"""Many rows with few statements: the same rows as one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from icecube_plugin.sql import PARAMETERS, insert


@pytest.mark.parametrize("columns", [1, 2, 11, 45])
@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("wholes", [0, 1, 3])
def test_the_same_as_row_by_row(columns: int, more: int, wholes: int) -> None:
    count = max(wholes * (PARAMETERS // columns) + more, 0)
    rows = [tuple(1000 * n + column for column in range(columns)) for n in range(count)]
    names = ", ".join(f"c{n}" for n in range(columns))
    marks = ", ".join("?" * columns)
    with closing(sqlite3.connect(":memory:")) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, PARAMETERS)  # as SQLite of 2019
        database.execute(f"CREATE TABLE some ({names})")
        insert(database, f"INSERT INTO some ({names}) VALUES ({marks})", rows)
        assert database.execute("SELECT * FROM some ORDER BY rowid").fetchall() == rows
