"""Hostile lines of manifests: values of wrong types, what is no JSON, claims that are not so, and strange texts."""

from __future__ import annotations

import zlib
from typing import Any

from boxes import Box, Line, confirm, delete, label, manifest, mosaic, picture, sha, vote
from hostile_drops import SHARED, Case, line, lines

from pipelines.ingest.inbox import mosaic_requests

_BASES: dict[str, Line] = {
    "upload": line(title="t", visibility="shared"),
    "label": label(1, "Tee", "eve", 1) | {"file": "a.jpg"},
    "vote": vote(SHARED, 1, "eve", 1),
    "confirm": confirm(SHARED, "Tee", "eve", 1),
    "mosaic": mosaic(SHARED, "eve", 1, **dict.fromkeys(mosaic_requests.OPTIONS)),
    "delete": delete(SHARED, "eve", 1),
}
_SINGLE = tuple(name for name in mosaic_requests.OPTIONS if name not in ("sources", "families"))
_NEEDED = {
    "upload": ("kind", "file", "size", "sha256", "user_id", "ts", "title", "visibility"),
    "label": ("kind", "file", "size", "sha256", "user_id", "ts", "task", "label"),
    "vote": ("kind", "image_id", "value", "user_id", "ts"),
    "confirm": ("kind", "image_id", "task", "label", "user_id", "ts"),
    "mosaic": ("kind", "image_id", "user_id", "ts", *_SINGLE),
    "delete": ("kind", "image_id", "user_id", "ts"),
}
_WRONG: tuple[Any, ...] = (True, -7.5, [], {}, [["a"]], {"a": {"b": 1}})
FIELDS = [
    lines(f"{kind}: {field} is {value!r}", base | {field: value})
    for kind, base in _BASES.items()
    for field in _NEEDED[kind]
    for value in _WRONG
]
FIELDS += [
    lines(f"{kind} without {field}", {name: value for name, value in base.items() if name != field})
    for kind, base in _BASES.items()
    for field in _NEEDED[kind]
    if field not in ("title", "visibility", "file", *_SINGLE) or (kind, field) == ("upload", "file")
]

_GOOD = manifest(line()).decode().strip()
JSON = [
    *(
        lines(f"{word} for a size", _GOOD.replace(f'"size": {len(picture(1))}', f'"size": {word}'))
        for word in ("NaN", "Infinity", "-Infinity", "1e999", "-0.0", "0x10", "1_0", "9" * 5000, "1e-400")
    ),
    lines("lists 30,000 deep", "[" * 30_000),
    lines("objects 10,000 deep", '{"a":' * 10_000 + "1" + "}" * 10_000),
    lines("a deep list as a title", _GOOD.replace("}", ', "title": ' + "[" * 9000 + "]" * 9000 + "}")),
    lines("a key twice", _GOOD.replace("{", '{"user_id": "good", ')),
    lines("a key twice, once in escapes", _GOOD.replace("{", r'{"us\u0065r_id": "good", ')),
    lines("a mark of byte order", b"\xef\xbb\xbf" + _GOOD.encode(), harmless=True),
    lines("UTF-16", _GOOD.encode("utf-16")),
    lines("UTF-32", _GOOD.encode("utf-32")),
    lines("Latin-1", _GOOD.replace("eve", "ève").encode("latin-1")),
    lines("overlong UTF-8", _GOOD.encode().replace(b"eve", b"\xc0\xaf")),
    lines("UTF-8 of half a pair", _GOOD.encode().replace(b"eve", b"\xed\xa0\x80")),
    lines("an escaped half of a pair", _GOOD.replace("eve", r"\ud83d")),
    lines("NUL bytes", b"\0" * 1000),
    lines("a NUL in a name", _GOOD.replace("a.jpg", r"a.jpg\u0000.png")),
    lines("a raw control character", _GOOD.replace("eve", "e\x01e")),
    lines("a line of 1 MB", _GOOD.replace("eve", "e" * 1_000_000)),
    lines("a megabyte of spaces", " " * 1_000_000 + _GOOD),
    Case("a million lines", lambda box, batch: box.put(batch, b"{}\n" * 1_000_000)),
    Case("sixty-five megabytes", lambda box, batch: _sparse(box, batch, 65 << 20)),
    lines("an array", f"[{_GOOD}]"),
    lines("a text", '"upload"'),
    lines("a number", "17"),
    lines("null", "null"),
    lines("cut short", _GOOD[:-9]),
    lines("single quotes", _GOOD.replace('"', "'")),
    lines("a comma at the end", _GOOD.replace("}", ",}")),
    lines("a comment", _GOOD + " // nice"),
    lines("two objects in a line", _GOOD + _GOOD),
    lines("line ends of old Macs", (_GOOD + "\r" + _GOOD)),
    lines("line ends of Windows", _GOOD + "\r", harmless=True),
    lines("an object over several lines", _GOOD.replace(",", ",\n")),
    lines("CSV", "kind,file,user_id\nupload,a.jpg,eve"),
    lines("a pickle", b"\x80\x04cos\nsystem\n(S'touch /tmp/pwned'\ntR."),
    lines("YAML", "!!python/object/apply:os.system ['true']"),
    lines("gzip", b"\x1f\x8b\x08\x00" + zlib.compress(_GOOD.encode())),
    lines("nothing but empty lines", "\n\n \n", harmless=True),
]


def _sparse(box: Box, batch: str, size: int) -> None:
    with (box.put(batch) / "manifest.jsonl").open("r+b") as file:
        file.truncate(size)


_TIMES = (
    *("2026-01-05T08:00:00", "2026-01-05", "08:00:00Z", "now", "2099-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z"),
    *("2026-01-05T24:01:00Z", "2026-01-05T08:00:60Z", "2026-01-05T08:00:00+24:00", "２０２６-01-05T08:00:00Z"),
    *("2026-01-05T08:00:00Z; DROP TABLE votes", "-2026-01-05T08:00:00Z", "+12026-01-05T08:00:00Z", " ", "\ud800"),
)
CLAIMS = [
    *(lines(f"the time {time!r}", line(ts=time)) for time in _TIMES),
    *(
        lines(f"the time {time!r}", line(ts=time), harmless=True)
        for time in (
            "2026-01-05T08:00:00-23:59",
            "2026-01-05T08:00:00.999999999Z",
            "20260105T080000Z",
            "1970-01-01T00:00:00Z",
        )
    ),
    *(lines(f"the size {size}", line(size=size)) for size in (-1, 0, 1, 2**31, 2**53, 2**63, 2**64, 10**300)),
    *(
        lines(f"the sha256 {digest[:20]!r}", line(sha256=digest))
        for digest in (
            "",
            "0" * 64,
            "f" * 63,
            "F" * 64,
            "0x" + "0" * 62,
            "../" * 21 + "a",
            sha(1)[:-1] + "\n",
            "٠" * 64,
        )
    ),
    lines(
        "labels without end", label(1, [f"w{i}" for i in range(101)], "eve") | {"file": "a.jpg", "task": "base_colour"}
    ),
    lines("a label without end", label(1, "w" * 101, "eve") | {"file": "a.jpg", "task": "base_colour"}),
    lines("a label of another task", label(1, "OK", "eve") | {"file": "a.jpg"}),
    lines("a label in other letters", label(1, "Ｔee", "eve") | {"file": "a.jpg"}),
    lines("a task that is a path", label(1, "OK", "eve", task="../quality") | {"file": "a.jpg"}),
    *(
        lines(f"the user {user!r}", line(user_id=user))
        for user in ("", " ", "good ", "good\n", "go\0od", "u" * 201, "\u2003x")
    ),
    *(
        lines(f"the mosaic with {name} {value!r}", mosaic(SHARED, "eve", 1, **{name: value}))
        for name, values in (
            ("columns", (0, 2_001, 60.0, "60", 10**400)),
            ("sources", ("../cifar10", ["cifar10", 7], ["x"] * 51, "a" * 51, [["a"]], [{}])),
            ("families", ("blue'; DROP TABLE votes", ["\ud800"], [None])),
            ("tag_path", ("", "/", "/animal/../x", "/a//x", "/%2e", "/a" * 10, "/тигр")),
            ("max_uses", (0, -1, 2**31)),
            ("tint", (1.0001, -1e-9, "0.5", 10**400)),
            ("format", ("gif", "JPEG")),
            ("wanted", (0, "false", [])),
        )
        for value in values
    ),
    lines("a mosaic of a file without its size", mosaic(SHARED, "eve", 1, file="a.jpg", sha256=sha(1))),
    *(
        lines(f"the vote {value!r}", vote(SHARED, 1, "eve") | {"value": value})
        for value in (2, 0, "1", "LIKE", 10**400, "")
    ),
]

_TEXTS = (
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "'; DROP TABLE uploads; --", '" OR 1=1 --'),
    *("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "{{7*7}}", "${jndi:ldap://x}", "%s%n", "\u202egpj.exe", "\u200b"),
    *(
        "\\x1b[31m",
        "[bold red]x[/]",
        "NULL",
        "🇩🇪" * 50,
        "a" * 500,
        "../../etc/passwd",
        "\ufeff",
        "e\u0301" * 100,
        "\U0010ffff",
    ),
)
TEXTS = [
    *(lines(f"the title {text[:30]!r}", line(title=text), harmless=True) for text in _TEXTS),
    *(lines(f"the user {text[:30]!r}", line(user_id=text[:200]), harmless=True) for text in _TEXTS if text.strip()),
    *(
        lines(
            f"the colour {text[:30]!r}",
            label(1, text[:100], "eve", task="base_colour") | {"file": "a.jpg"},
            harmless=True,
        )
        for text in _TEXTS[:9]
    ),
]
