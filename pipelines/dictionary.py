"""The data dictionary: TABLES → `docs/tables/*.md`. Generated, so that it cannot say what is not so."""

from __future__ import annotations

from pathlib import Path

from pipelines.lake.table import Column, Table


def pages(tables: tuple[Table, ...]) -> dict[str, str]:
    """Return file name → Markdown, an index among them."""
    return {"index.md": _index(tables)} | {f"{table.name}.md": _page(table, tables) for table in tables}


def write(tables: tuple[Table, ...], folder: Path) -> None:
    """Write the pages, and remove those of tables that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages(tables)
    for stale in {path.name for path in folder.glob("*.md")} - wanted.keys():
        (folder / stale).unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def outdated(tables: tuple[Table, ...], folder: Path) -> list[str]:
    """Return the pages that do not say what the declarations say."""
    held = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    wanted = pages(tables)
    return sorted(name for name in held | wanted if held.get(name) != wanted.get(name))


def _index(tables: tuple[Table, ...]) -> str:
    rows = [f"| [{table.name}]({table.name}.md) | {table.description} |" for table in tables]
    return "\n".join(["# Tables", "", "Made by `make docs`.", "", "| table | what it holds |", "|---|---|", *rows, ""])


def _page(table: Table, tables: tuple[Table, ...]) -> str:
    feeds = [_link(other) for other in tables if table in other.inputs]
    lines = [
        f"# {table.name}",
        "",
        table.description,
        "",
        f"- One row per: {', '.join(f'`{name}`' for name in table.grain)}",
        f"- Made of: {', '.join(map(_link, table.inputs)) or 'sources'}",
        f"- Feeds: {', '.join(feeds) or 'no other table'}",
        "",
        "| column | type | meaning | rules |",
        "|---|---|---|---|",
        *(f"| `{c.name}` | {c.type} | {c.description} | {_rules(c)} |" for c in table.columns),
        "",
    ]
    lines += [f"- {expectation.description}" for expectation in table.expectations]
    return "\n".join([*lines, ""] if table.expectations else lines)


def _link(table: Table) -> str:
    return f"[{table.name}]({table.name}.md)"


def _rules(column: Column) -> str:
    rules = ["may be null"] if column.nullable else []
    if column.bounds:
        rules.append(f"{_number(column.bounds[0])} to {_number(column.bounds[1])}")
    if column.values:
        rules.append("one of " + ", ".join(column.values))
    if column.pattern:
        rules.append(f"`{column.pattern}`")
    if column.provenance:
        rules.append("how the row came to be; not part of its hash")
    return "; ".join(rules)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else str(value)
