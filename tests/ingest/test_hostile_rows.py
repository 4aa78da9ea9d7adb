"""One bad row in styles.csv costs itself only: every kind of them, side by side in one file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from shop import HEADER, Lake, account, catalogue, jpeg, line, zipped

from pipelines.ingest import products
from pipelines.ingest.archive import open_archive
from pipelines.ingest.styles import COLUMNS, Defect, _lines, open_lines, product
from pipelines.lake.contract import conform
from pipelines.lake.store import Store

STEADY = settings(deadline=None)  # the machine may be busy
EARLIER = (1, 2, 3)
ABSENT = line(999999)
THIRTY = "9" * 30

# Rows that are no product → their bytes (ID stands for an id of their own), the reason, and a word of the sentence.
# Where there is no id to speak of, the key is the line.
BAD: dict[str, tuple[bytes, str, str]] = {
    "an id of letters": (line("abc").encode(), "id_not_a_number", "'abc'"),
    "the same id of letters again": (line("abc", "Other").encode(), "id_not_a_number", "'abc'"),
    "a negative id": (line("-5").encode(), "id_not_a_number", "'-5'"),
    "a signed id": (line("+5").encode(), "id_not_a_number", "'+5'"),
    "an id in Arabic digits": (line("\u0661\u0662").encode(), "id_not_a_number", "'\u0661\u0662'"),
    "an id of superscripts": (line("1\u00b2").encode(), "id_not_a_number", "not a number"),
    "an id of 30 digits": (line(THIRTY).encode(), "id_not_a_number", THIRTY),
    "an id of 30 digits, zeros first": (line("0" * 21 + "123456789").encode(), "id_not_a_number", "'0000"),
    "an id of zeros and too many digits": (line("0" * 20 + "9" * 25).encode(), "id_not_a_number", "'0000"),
    "an id of 5,000 digits": (line("7" * 5000).encode(), "id_not_a_number", "'7777"),
    "an id beyond int64": (line(2**63).encode(), "id_not_a_number", str(2**63)),
    "an id beyond our bounds": (line(2**62 + 1).encode(), "id_not_a_number", str(2**62 + 1)),
    "a decimal id": (line("12.0").encode(), "id_not_a_number", "'12.0'"),
    "an id in powers of ten": (line("1e3").encode(), "id_not_a_number", "'1e3'"),
    "a spaced id": (line(" 77").encode(), "id_not_a_number", "' 77'"),
    "no id": (line("").encode(), "id_not_a_number", "nothing"),
    "a null id": (line("NA").encode(), "id_not_a_number", "nothing"),
    "too few fields": (b"ID,Men,Apparel", "too_few_fields", "3 fields, not 10"),
    "nine fields": (b"ID,Men,Apparel,Topwear,Shirts,Blue,Fall,2012,Casual", "too_few_fields", "9 fields"),
    "an id alone": (b"ID", "too_few_fields", "1 fields"),
    "blanks": (b"   ", "too_few_fields", "1 fields"),
    "commas": (b",,,,,,,,,", "missing_gender", "no gender"),
    "an unknown season": (line("ID", season="Autumn").encode(), "unknown_season", "'Autumn'"),
    "an unknown gender": (line("ID", gender="Man").encode(), "unknown_gender", "'Man'"),
    "a gender in small letters": (line("ID", gender="men").encode(), "unknown_gender", "'men'"),
    "a gender with a blank": (line("ID", gender="Men ").encode(), "unknown_gender", "'Men '"),
    "an unknown usage": (line("ID", usage="Office").encode(), "unknown_usage", "'Office'"),
    "an unknown category": (line("ID", master="Apparal").encode(), "unknown_master_category", "'Apparal'"),
    "a category of 60,000 letters": (line("ID", master="A" * 60_000).encode(), "unknown_master_category", "'AAA"),
    "no gender": (line("ID", gender="").encode(), "missing_gender", "no gender"),
    "a null gender": (line("ID", gender="NA").encode(), "missing_gender", "no gender"),
    "no category": (line("ID", master="").encode(), "missing_master_category", "no master_category"),
    "a year with a letter": (line("ID", year="20l2").encode(), "bad_year", "'20l2'"),
    "a year too early": (line("ID", year="1899").encode(), "bad_year", "'1899'"),
    "a year too late": (line("ID", year="99999").encode(), "bad_year", "'99999'"),
    "a negative year": (line("ID", year="-2012").encode(), "bad_year", "'-2012'"),
    "a decimal year": (line("ID", year="2012.0").encode(), "bad_year", "'2012.0'"),
    "a NUL byte": (line("ID", "Plain\x00Shirt").encode(), "control_characters", "control characters"),
    "a NUL byte for a colour": (line("ID", colour="\x00").encode(), "control_characters", "control characters"),
    "an escape": (line("ID", "\x1b[31mRed").encode(), "control_characters", "control characters"),
    "a separator of ours": (line("ID", colour="Blue\x1fFall").encode(), "control_characters", "control characters"),
    "a carriage return within": (line("ID", "Plain\rShirt").encode(), "control_characters", "control characters"),
    "Latin-1": (line("ID", "Caf\u00e9 Shirt").encode("latin-1"), "not_utf8", "not UTF-8"),
    "bytes of nothing": (line("ID").encode() + b"\xff\xfe\xc0", "not_utf8", "not UTF-8"),
    "half a letter": (line("ID", "Shirt \u20ac").encode()[:-1], "not_utf8", "not UTF-8"),
    "a surrogate": (line("ID").encode() + b"\xed\xa0\x80", "not_utf8", "not UTF-8"),
    "a line of 70,000 bytes": (line("ID", "x" * 70_000).encode(), "line_too_long", "longer than 65536 bytes"),
    "a line of just too many": (line("ID", "x" * 65_536).encode(), "line_too_long", "longer than 65536 bytes"),
    "an id that was taken": (line(1, "Another").encode(), "duplicate_id", "id 1 was taken before"),
    "an id that was taken, in other digits": (line("0001").encode(), "duplicate_id", "id 1 was taken before"),
    "no picture again": (line("999999", "Other").encode(), "image_absent", "images/999999.jpg"),
}

# Rows that look odd and are products → their bytes, and the name that comes of them.
ODD: dict[str, tuple[bytes, str | None]] = {
    "a comma": (line("ID", "Shirt, Blue").encode(), "Shirt, Blue"),
    "a quoted comma": (line("ID", '"Shirt, Blue"').encode(), "Shirt, Blue"),
    "a quote within": (line("ID", '3.5" Pink Short').encode(), '3.5" Pink Short'),
    "quotes within quotes": (line("ID", '"a ""b"" c"').encode(), 'a "b" c'),
    "a quote that never ends": (line("ID", '"Shirt').encode(), '"Shirt'),
    "a quote that never ends, and commas": (line("ID", '"Shirt, Blue, M').encode(), '"Shirt, Blue, M'),
    "a quote that ends early": (line("ID", '"Shirt" Blue').encode(), '"Shirt" Blue'),
    "200 commas": (line("ID", "," * 200).encode(), "," * 200),
    "other scripts": (
        line("ID", "\u0936\u0930\u094d\u091f \U0001f455").encode(),
        "\u0936\u0930\u094d\u091f \U0001f455",
    ),
    "a formula": (line("ID", '=HYPERLINK("http://x")').encode(), '=HYPERLINK("http://x")'),
    "markup": (line("ID", "<script>alert(1)</script>").encode(), "<script>alert(1)</script>"),
    "SQL": (line("ID", "'; DROP TABLE products; --").encode(), "'; DROP TABLE products; --"),
    "a path": (line("ID", "../../etc/passwd").encode(), "../../etc/passwd"),
    "a null name": (line("ID", "NA").encode(), None),
    "no name": (line("ID", "").encode(), None),
    "a tab": (line("ID", "Plain\tShirt").encode(), "Plain\tShirt"),
    "a name of 60,000 letters": (line("ID", "x" * 60_000).encode(), "x" * 60_000),
    "an id with zeros first": (line("00ID").encode(), "Plain Shirt"),
}


def numbered(rows: dict[str, tuple], first: int) -> dict[str, tuple[int, bytes]]:
    """Give each row an id of its own."""
    return {
        name: (first + place, row[0].replace(b"ID", str(first + place).encode()))
        for place, (name, row) in enumerate(rows.items())
    }


BAD_ROWS, ODD_ROWS = numbered(BAD, 2000), numbered(ODD, 1000)


@dataclass(frozen=True)
class Night:
    lake: Lake
    path: Path
    before: dict[str, str]
    counts: tuple[int, ...]
    rejects: dict[tuple[str, str], str]
    numbers: dict[str, int]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One night of good pieces, then one whose styles.csv holds them all."""
    folder = tmp_path_factory.mktemp("rows")
    lake = Lake(Store(str(folder / "lake")))
    lake.take_in(zipped(folder / "good.zip", catalogue(*EARLIER)))
    before = lake.digests(EARLIER)
    good = [line(i).encode() for i in EARLIER]
    rows = [
        *good,
        ABSENT.encode(),
        *(row for _, row in ODD_ROWS.values()),
        *(row for _, row in BAD_ROWS.values()),
        good[1],
        good[1],
    ]
    files = {"styles.csv": b"\n".join([HEADER.encode(), *rows])}
    ids = [*EARLIER, *(i for i, _ in ODD_ROWS.values()), *(i for i, _ in BAD_ROWS.values()), 12, 77, 123456789]
    path = zipped(folder / "rows.zip", files | {f"images/{i}.jpg": jpeg(i) for i in ids})
    counts = account(lake.take_in(path))["rows"]
    first_bad = 3 + len(EARLIER) + len(ODD)
    return Night(lake, path, before, counts, lake.open_rejects(), {name: first_bad + n for n, name in enumerate(BAD)})


def test_every_row_is_accounted_for(night: Night) -> None:
    assert night.counts == (len(EARLIER) + len(ODD) + len(BAD) + 3, len(ODD), len(EARLIER), len(BAD) + 1, 2)
    assert len(night.rejects) == len(BAD) + 1
    assert "images/999999.jpg" in night.rejects["999999", "image_absent"]


def test_what_the_lake_held_is_untouched(night: Night) -> None:
    assert night.lake.digests(EARLIER) == night.before
    held = {row["product_id"] for row in night.lake.rows(products.TABLE)}
    assert held == {*EARLIER, *(i for i, _ in ODD_ROWS.values())}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_a_reject_that_says_where_and_why(night: Night, name: str) -> None:
    _, reason, word = BAD[name]
    at = f"line {night.numbers[name]}"
    found = [
        (key, text)
        for (key, why), text in night.rejects.items()
        if why == reason and (text.startswith(at) or key.endswith(at))
    ]
    assert len(found) == 1, night.rejects
    key, sentence = found[0]
    assert word in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 300
    assert len(key) <= 120


@pytest.mark.parametrize("name", ["too few fields", "an id alone", "an unknown season", "a bad year", "Latin-1"])
def test_a_bad_row_with_an_id_stands_under_it(night: Night, name: str) -> None:
    name = "a year too early" if name == "a bad year" else name
    assert (str(BAD_ROWS[name][0]), BAD[name][1]) in night.rejects


@pytest.mark.parametrize("name", ["no id", "a null id", "commas", "a line of 70,000 bytes"])
def test_a_bad_row_without_an_id_stands_under_its_line(night: Night, name: str) -> None:
    assert (f"line {night.numbers[name]}", BAD[name][1]) in night.rejects


@pytest.mark.parametrize("name", ODD)
def test_an_odd_row_keeps_its_name(night: Night, name: str) -> None:
    held = {row["product_id"]: row for row in night.lake.rows(products.TABLE)}
    assert held[ODD_ROWS[name][0]]["display_name"] == ODD[name][1]


def test_a_repeat_commits_nothing(night: Night) -> None:
    version = night.lake.versions()
    night.lake.take_in(night.path)
    assert night.lake.versions() == version


FIELD = st.one_of(
    st.text(max_size=12), st.sampled_from(["", "NA", "Men", "Apparel", "Fall", "2012", "Casual", "0", '"'])
)


@STEADY
@given(st.lists(FIELD, max_size=14).map(",".join), st.booleans())
@example(line(5), True)
@example(line("0" * 20 + "9" * 25), True)
def test_any_text_is_a_product_that_keeps_the_contract_or_a_defect(text: str, repair: bool) -> None:
    file = io.BytesIO(HEADER.encode() + b"\n" + text.encode())
    header, lines = open_lines(file)
    for one in lines:
        try:
            made = product(header, one, repair)
        except Defect as defect:
            found = defect
        else:
            rows = pa.Table.from_pylist([made | {"source": "fashion"}], products.TABLE.schema)
            conform(products.TABLE, rows)
            continue
        assert found.detail.startswith(one.key)
        assert found.key


@STEADY
@given(st.binary(max_size=400))
def test_any_bytes_are_lines_without_an_exception(data: bytes) -> None:
    _, lines = open_lines(io.BytesIO(HEADER.encode() + b"\n" + data))
    numbers = [one.number for one in lines]
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= data.count(b"\n") + 1


@pytest.mark.parametrize("before", range(0, 600, 60))
def test_how_long_a_line_may_be_does_not_depend_on_where_it_stands(tmp_path: Path, before: int) -> None:
    for length, fits in ((65_535, True), (65_536, False), (65_700, False), (140_000, False)):
        content = HEADER.encode() + b"x" * before + b"\n" + b"y" * length + b"\nz\n"
        path = zipped(tmp_path / "a.zip", {"styles.csv": content})
        with open_archive(path) as archive, archive.open("styles.csv") as file:
            found = [one.text for one in _lines(file)][1:]
        assert found == ["y" * length if fits else None, "z"]


def test_every_column_of_the_file_is_one_of_ours() -> None:
    ours = {column.name for column in products.TABLE.columns}
    assert set(COLUMNS.values()) <= ours
    assert ours - set(COLUMNS.values()) == {"source", "is_repaired"}
