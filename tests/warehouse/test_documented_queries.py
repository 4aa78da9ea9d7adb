"""The queries of docs/colour-search.md: each can be asked, and finds something in the boutique."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from boutique import ID, ask, opened, put, stock, vote

from pipelines.ingest.inbox import votes

PAGE = Path(__file__).parents[2] / "docs" / "colour-search.md"
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
QUERIES = [query.strip() for block in BLOCKS for query in re.sub(r"--.*", "", block).split(";") if query.strip()]
EMPTY = {"SELECT reason, sentence FROM why_not_recommended('IMAGE', 'OTHER')"}  # which is recommended here


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with opened(stock()) as connection:
        put(connection, votes.TABLE, vote("ana", "watch", -1), vote("ana", "tee", 1))
        connection.execute("UPDATE products SET season = 'Summer'")
        yield connection


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: " ".join(query.split())[:70])
def test_a_documented_query_finds_something(db: duckdb.DuckDBPyConnection, query: str) -> None:
    found = ask(db, query.replace("IMAGE", ID["tee"]).replace("OTHER", ID["crimson tee"]))
    assert bool(found) == (query not in EMPTY)


def test_the_page_has_queries() -> None:
    assert len(QUERIES) > 15
