"""The warehouse: releases people query, each one DuckDB file. The only door to DuckDB.

A release is built aside from pinned versions of the lake, audited, and published by moving one pointer.
"""

from warehouse.connection import connect

__all__ = ["connect"]
