"""What a person opens of an audit: one plain page that says how it ended, beside the pages of Great Expectations.

Their own index shows nothing without a network, for it fetches its tables' code from one.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from pipelines.audit.suite import AuditReport
from pipelines.lake.objects import Objects

PAGE = "report.html"
_FILES = {".html", ".css", ".svg", ".json"}  # the report brings 4 MB of fonts and pictures that tell nothing
_STYLE = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}li{margin:.3em 0}"


def put_report(objects: Objects, place: str, docs: Path, report: AuditReport) -> str:
    """Copy a report from a local folder to `place` below an address; return the address of its page."""
    (docs / "audit.json").write_text(json.dumps(report.summary(), indent=2))
    (docs / PAGE).write_text(_page(docs, report), encoding="utf-8")
    for page in sorted(docs.rglob("*")):
        if page.suffix in _FILES:
            objects.put(f"{place}/{page.relative_to(docs)}", page.read_bytes())
    return f"{objects.uri}/{place}/{PAGE}"


def _page(docs: Path, report: AuditReport) -> str:
    verdict = "All rules hold" if report.ok else "Not all rules hold"
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{verdict}</title><style>{_STYLE}</style>",
        f"<h1>{verdict}</h1><p>{report.rules} rules were checked.</p>",
        _list("Rules that rows break", [escape(str(violation)) for violation in report.violations]),
        _list("Rules that could not be checked", [escape(str(error)) for error in report.errors]),
        _list("Every rule, table by table", _links(docs)),
        "<p><a href=audit.json>The same for programs</a></p>",
    ]
    return "\n".join(part for part in parts if part)


def _links(docs: Path) -> list[str]:
    pages = sorted((docs / "validations").rglob("*.html"))
    names = (page.relative_to(docs).parts[1] for page in pages)
    return [
        f'<a href="{escape(page.relative_to(docs).as_posix())}">{escape(name)}</a>'
        for page, name in zip(pages, names, strict=True)
    ]


def _list(title: str, items: list[str]) -> str:
    lines = "\n".join(f"<li>{item}</li>" for item in items)
    return f"<h2>{title}</h2>\n<ul>\n{lines}\n</ul>" if items else ""
