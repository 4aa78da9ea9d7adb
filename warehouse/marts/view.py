"""A view: a query over the tables of a release, described the way a table is. With a parameter it is a macro."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.lake.table import Table


@dataclass(frozen=True)
class View:
    """A named query; `table` says what its rows and columns mean, and gate two holds it to that.

    With a `viewer` it is asked like a function, `FROM wardrobe('ana')`, and shows what that user may see. With
    `parameters`, SQL names with or without a default, those come first and the viewer may be left out, which
    shows what everybody may see: `FROM search_by_tag('koala', viewer := 'ana')`. Where `viewer` is one of them it
    stands there: `FROM discover('ana', 5)`. Asked with NULL alone each must be understood.
    """

    table: Table
    sql: str
    viewer: bool = False
    parameters: tuple[str, ...] = ()

    @property
    def own(self) -> Table:
        """The view less the columns it hands on as they are: those were audited in the table they come from."""
        theirs = {column for table in self.table.inputs for column in table.columns}
        kept = [c for c in self.table.columns if c not in theirs or c.name in self.table.grain]
        return replace(self.table, columns=tuple(kept), inputs=())

    def definition(self, name: str) -> str:
        """Return the SQL that creates it under a quoted name."""
        if not self.viewer:
            return f"CREATE VIEW {name} AS {self.sql}"
        return f"CREATE MACRO {name}({', '.join(self._asked)}) AS TABLE {self.sql}"

    @property
    def _asked(self) -> tuple[str, ...]:
        if not self.parameters:
            return ("viewer",)
        return self.parameters if "viewer" in self.parameters else (*self.parameters, "viewer := NULL")


def query_beside(module: str) -> str:
    """Return the text of the `.sql` file that lies beside a module (its `__file__`)."""
    return Path(module).with_suffix(".sql").read_text(encoding="utf-8")
