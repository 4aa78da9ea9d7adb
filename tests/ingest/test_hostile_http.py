"""Hostile servers and addresses: every one costs the item it answers for, in time, and leads nowhere."""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from wire import SHORT, Send, Switchboard, Wire, reply, serving, web_for

from pipelines.ingest.addresses import Network
from pipelines.ingest.tmdb.client import Tmdb
from pipelines.ingest.web import Limits, Web
from pipelines.lake.errors import CannotRun, Rejected
from pipelines.lake.objects import Objects

Case = tuple[str, object, str]  # name, what is hostile, the reason it is rejected for
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(bytes(range(256)) * 40)
LIMIT = 100_000  # bytes of a body
HURRY = Limits(per_second=10_000, connect_seconds=0.2, read_seconds=0.1, total_seconds=0.2)


def endless(start: bytes, again: bytes) -> Callable[[Send], None]:
    def send(out: Send) -> None:
        out(start)
        while True:
            out(again)

    return send


def dripping(start: bytes, drops: Iterator[bytes] | list[bytes], gap: float = 0.03) -> Callable[[Send], None]:
    def send(out: Send) -> None:
        out(start)
        for drop in drops:
            time.sleep(gap)
            out(drop)

    return send


def silent(start: bytes) -> Callable[[Send], None]:
    return dripping(start, [b""], gap=1)


def gzipped(body: bytes) -> bytes:
    return reply(body=body, Content_Encoding="gzip")


def empty_blocks() -> Callable[[Send], None]:
    """A gzip that never ends and never brings a byte."""
    return endless(OK + b"Content-Encoding: gzip\r\n\r\n" + PACKED[:10], b"\x00\x00\x00\xff\xff" * 2000)


STATUSES: list[Case] = [
    (str(status), reply(status), f"http_{status}")
    for status in (
        201, 202, 204, 206, 300, 304, 305, 400, 401, 402, 403, 404, 405, 406, 408, 410, 418, 421, 425, 426, 429, 431,
        451,
        500, 501, 502, 503, 504, 505, 507, 511, 520, 599, 600, 999,
    )
]  # fmt: skip
CUTS: list[Case] = [
    ("nothing", b"", "http_protocol"),
    ("part of a status line", b"HTTP/1.1 2", "http_protocol"),
    ("a status line", OK, "http_protocol"),
    ("part of the headers", OK + b"Content-Length: 5\r\nX-", "http_protocol"),
    ("no body", OK + b"Content-Length: 5\r\n\r\n", "http_cut_body"),
    ("part of a body", OK + b"Content-Length: 5\r\n\r\nabc", "http_cut_body"),
    ("no chunk", CHUNKED, "http_cut_body"),
    ("a chunk without an end", CHUNKED + b"3\r\nabc\r\n", "http_cut_body"),
    ("part of a chunk", CHUNKED + b"30\r\nabc", "http_cut_body"),
    ("an end without a line", CHUNKED + b"3\r\nabc\r\n0\r\n", "http_cut_body"),
    *((f"gzip to byte {at}", gzipped(PACKED[:at]), "http_cut_body") for at in (0, 1, 5, 10, 11, 40, len(PACKED) - 1)),
    *((f"gzip with byte {at} turned", gzipped(PACKED[:at] + bytes([PACKED[at] ^ 255]) + PACKED[at + 1 :]),
    "http_cut_body")
      for at in (0, 2, 10, len(PACKED) - 5)),
    ("gzip that is text", gzipped(b"<html>"), "http_cut_body"),
]  # fmt: skip
LENGTHS: list[Case] = [
    *((f"a length of {length}", OK + f"Content-Length: {length}\r\n\r\nabc".encode(), "http_protocol")
      for length in ("-1", "abc", "0x3", "3.0", "+3", "3 4", "9" * 30, "", "3, 4", "\u0663")),
    ("two lengths", OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "http_protocol"),
    ("a length of petabytes", OK + b"Content-Length: 999999999999999999\r\n\r\nabc", "http_cut_body"),
    ("an unknown transfer encoding", OK + b"Transfer-Encoding: gzip\r\n\r\nabc", "http_protocol"),
    ("two transfer encodings", OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "http_protocol"),
]  # fmt: skip
CHUNKS: list[Case] = [
    *((f"a chunk of size {size!r}", CHUNKED + size + b"\r\nabc\r\n0\r\n\r\n", "http_cut_body")
      for size in (b"zz", b"-3", b"", b" 3", b"0x3", b"3 4", b"f" * 30, b"\xff", b"3\x00")),
    ("a chunk longer than its size", CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", "http_cut_body"),
    ("an extension without an end", endless(CHUNKED + b"3;", b"x" * 9000), "http_cut_body"),
    ("trailers without an end", endless(CHUNKED + b"0\r\n", b"X-A: b\r\n" * 1000), "http_cut_body"),
]  # fmt: skip
PROTOCOL: list[Case] = [
    *((repr(head[:24]), head + b"\r\n\r\nabc", "http_protocol")
      for head in (b"HTTP/x.y 200 OK", b"ICY 200 OK", b"HTTP/1.1 abc OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK",
                   b"HTTP/1.1",
                   b"HTTP/1.1  200 OK", b"HTTP/2 200", b"SSH-2.0-OpenSSH_9.9", b"220 mail ESMTP",
                   b"\x16\x03\x01\x02\x00\x01",
                   b"\x00" * 50, b"\xff\xfe" * 20, b"<html>hello</html>", b"GET / HTTP/1.1", OK + b"no colon",
                   OK + b": nameless",
                   OK + b"a b: c", OK + b"X: a\x00b", OK + b" folded: first", OK + b"X\xe9: a", OK + b"X : a")),
    ("headers without an end", endless(OK, b"X-A: b\r\n" * 1000), "http_protocol"),
    ("one header without an end", endless(OK + b"X-A: ", b"b" * 9000), "http_protocol"),
    ("100,000 headers", OK + b"X-A: b\r\n" * 100_000 + b"\r\n", "http_protocol"),
    ("a status line without an end", endless(b"HTTP/1.1 200 ", b"K" * 9000), "http_protocol"),
]  # fmt: skip
BOMBS: list[Case] = [
    ("a body without an end", endless(OK + b"\r\n", b"x" * 9000), "too_many_bytes"),
    ("one byte too many", reply(body=b"x" * (LIMIT + 1)), "too_many_bytes"),
    ("chunks without an end", endless(CHUNKED, b"3\r\nabc\r\n" * 1000), "too_many_bytes"),
    ("a gzip of 200 MB", gzipped(gzip.compress(bytes(200 << 20), 9)), "too_many_bytes"),
    ("a gzip without an end", endless(OK + b"Content-Encoding: gzip\r\n\r\n", PACKED), "too_many_bytes"),
    ("a gzip one byte too long", gzipped(gzip.compress(bytes(LIMIT + 1))), "too_many_bytes"),
    ("a gzip that never brings a byte", empty_blocks(), "too_many_bytes"),
    ("a gzip with a tail without an end", endless(OK + b"Content-Encoding: gzip\r\n\r\n" + PACKED, b"x" * 9000),
    "too_many_bytes"),
    *((f"packed as {name}", reply(body=zlib.compress(b"abc"), Content_Encoding=name), "unknown_encoding")
      for name in ("br", "zstd", "deflate", "gzip, gzip", "compress", "gzip;q=1", "\xe9")),
]  # fmt: skip
SLOW: list[Case] = [
    ("says nothing", silent(b""), "http_timeout"),
    ("stops in the status line", silent(b"HTTP/1.1 "), "http_timeout"),
    ("stops in the headers", silent(OK + b"X-A"), "http_timeout"),
    ("stops in the body", silent(OK + b"Content-Length: 9\r\n\r\nabc"), "http_timeout"),
    ("stops between chunks", silent(CHUNKED + b"3\r\nabc\r\n"), "http_timeout"),
    ("a status line by the byte", dripping(b"", itertools.repeat(b"H")), "http_timeout"),
    ("headers by the byte", dripping(OK + b"X: ", itertools.repeat(b"a")), "http_timeout"),
    ("a body by the byte", dripping(OK + b"\r\n", itertools.repeat(b"a")), "http_timeout"),
    ("chunks by the byte", dripping(CHUNKED, itertools.repeat(b"1\r\na\r\n")), "http_timeout"),
    ("100 Continue over and over", dripping(b"", itertools.repeat(b"HTTP/1.1 100 C\r\n\r\n")), "http_timeout"),
    ("100 Continue in a flood", endless(b"", b"HTTP/1.1 100 C\r\n\r\n" * 99), "http_timeout"),
]
REDIRECTS: list[Case] = [
    *((where, where, "scheme_not_allowed")
      for where in ("file:///etc/passwd", "ftp://a.test/", "gopher://127.0.0.1:70/", "javascript:alert(1)", "data:,abc",
                    "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://a.test/",
                    "http://127.0.0.1:1/",
                    "http://localhost/", "dict://127.0.0.1:11211/", "http://2130706433/", "unix:/run/docker.sock",
                    "OTHER/b")),
    *((where, where, "host_not_allowed")
      for where in ("https://169.254.169.254/", "https://[::1]/", "https://b.test/", "https://a.test.b.test/",
                    "https://a.test./",
                    "https://127.0.0.1/", "https://xn--a.test/", "https:///b", "https://0x7f.1/")),
    *((where, where, "credentials_in_url") for where in ("https://me@a.test/", "https://a.test:x@127.0.0.1/",
    "//me:you@a.test/", "https://a.test\\@b.test/")),
    *((where, where, "port_not_allowed") for where in ("https://a.test:22/", "https://a.test:8443/",
    "https://a.test:99999/")),
    *((where, where, "bad_redirect|bad_url|scheme_not_allowed|host_not_allowed")
      for where in ("https://[", "https://a.test:x/", "https://\xad/", "https://a b/", "h\x7fttps://a.test/",
                    "https://a.test/" + "x" * 5000,)),
    *((where, where, "http_404") for where in ("\\\\a.test\\b", "%68ttps://a.test/", "/../../etc/passwd", "..")),
    ("to nothing", "", "too_many_redirects"),
    ("to a part of itself", "#", "too_many_redirects"),
    ("to itself", "/REDIRECTS-to itself", "too_many_redirects"),
    ("in a circle by a new query each time", "?again", "too_many_redirects|http_404"),
]  # fmt: skip
DEEP = 200_000
JSONS: list[Case] = [
    *((repr(body[:30]), body, "bad_json")
      for body in (b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b'[{"id": 1}]', b"{", b'{"id": 1',
                   b'{"id": 1}}', b"{'id': 1}",
                   b'{"id": 1,}', b'{"id": 1} // film', b"{id: 1}", b"<html>", b'{"id": NaN}', b'{"id": 1, "a": NaN}',
                   b'{"id": 1, "a": Infinity}', b'{"id": 1, "a": -Infinity}', b'{"id": 1, "a": 1e999}',
                   b'{"id": 1, "a": -1e999}',
                   b'{"id": 1, "a": 99999999999999999999}', b'{"id": 1, "a": -9223372036854775809}',
                   b'{"id": 1, "id": 1}',
                   b'{"id": 1, "a": {"b": 1, "b": 2}}', b'{"id": 1, "a": "\xff"}', b'{"id": 1, "a": "\xc3"}',
                   b'{"id": 1, "a": "\xed\xa0\x80"}',
                   b'{"id": 1, "a": "\\ud800"}', b'{"id": 1, "\\udfff": 0}', b'{"id": 1, "a": "\n"}',
                   b'{"id": 1, "a": "\\x"}',
                   b'\xef\xbb\xbf{"id": 1}', '{"id": 1}'.encode("utf-16"), b'{"id": 01}', b'{"id": 0x1}')),
    ("a number of 100,000 digits", b'{"id": 1, "a": ' + b"9" * 100_000 + b"}", "bad_json"),
    ("a fraction of 100,000 digits", b'{"id": 1, "a": 0.' + b"9" * 100_000 + b"}", "bad_json"),
    ("lists in lists", b'{"id": 1, "a": ' + b"[" * DEEP + b"]" * DEEP + b"}", "bad_json"),
    ("lists that never end", b"[" * DEEP, "bad_json"),
    ("objects in objects", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "bad_json"),
    *((f"the film {film!r}", json.dumps({"id": film}).encode(), "wrong_film") for film in ("1", 1.0, True, None, 2,
                                                                                           [1], {"id": 1})),
    ("no film", b"{}", "wrong_film"),
    ("a refusal that says 200", b'{"success": false, "status_code": 34}', "wrong_film"),
]  # fmt: skip
SIZES = ["w92", "w342"]
BASES: list[Case] = [
    *((repr(base), {"images": {"secure_base_url": base, "poster_sizes": SIZES}}, "host_not_allowed")
      for base in ("http://image.tmdb.org/t/p/", "file:///etc/", "https://evil.test/t/p/",
                   "https://image.tmdb.org@evil.test/t/p/",
                   "https://image.tmdb.org.evil.test/t/p/", "https://127.0.0.1/", "https://image.tmdb.org:22/t/p/",
                   "//image.tmdb.org/t/p/",
                   "https://image.tmdb.org/t/p", "https://image.tmdb.org/../", "https://image.tmdb.org/t/p/?a=/",
                   "https://image.tmdb.org/%2e/",
                   "https://image.tmdb.org\\@evil.test/", "HTTPS://image.tmdb.org/t/p/", "", None, 7,
                   ["https://image.tmdb.org/t/p/"],
                   "https://image.tmdb.org/t/p/\n", "http://169.254.169.254/", "http://[::1]/")),
    *((f"sizes {sizes!r}", {"images": {"secure_base_url": "https://image.tmdb.org/t/p/", "poster_sizes": sizes}},
       "bad_configuration")
      for sizes in (None, [], "w342", {"w342": 1}, ["original"], ["w342/../.."], ["w-1"], [342], ["w99999999"],
                    ["w342\n"])),
    *((f"images {images!r}", {"images": images}, "bad_configuration") for images in (None, [], "x", {}, 7)),
]  # fmt: skip
POSTERS: list[Case] = [
    (repr(path), path, "bad_poster_path")
    for path in (
        "", "/", "a.jpg", "/../a.jpg", "/a/b.jpg", "//b.test/a.jpg", "/a.jpg?b", "/a.jpg#b", "/a.gif", "/a.svg",
        "/a.jpg\n", "/a.jpg\0",
        "/%2e%2e.jpg", "/a b.jpg", "/\u0430.jpg", "/" + "a" * 5000 + ".jpg", "\\a.jpg", "/.jpg",
        "https://b.test/a.jpg", "/a.jpg.exe",
        None, 7, b"/a.jpg", ["/a.jpg"],
    )
]  # fmt: skip
FILMS: list[Case] = [
    (repr(film), film, "bad_film_id")
    for film in (0, -1, True, None, "1", "1/../2", 1.0, 2**31, 2**70, b"1", "tt0111161", [1])
]
ADDRESSES: list[Case] = [
    *((host, host, "bad_url") for host in ("0177.0.0.1", "0251.0376.0251.0376", "010.0.0.1")),
    *((host, host, "address_not_public") for host in (
        "127.0.0.1", "127.1", "127.255.255.254", "0.0.0.0", "0", "2130706433", "0x7f000001", "0x7f.1", "017700000001",
        "10.0.0.1", "0xa.1", "167772161", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.257",
        "169.254.169.254", "0xa9fea9fe",
        "2852039166", "025177524776", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::1", "::", "::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2001::1", "2001:db8::1", "fc00::1", "fd00:ec2::254",
        "fe80::1", "fec0::1",
        "ff02::1", "100::1", "5f00::1",
    )),
]  # fmt: skip
REBINDING: list[Case] = [
    ("private", [["10.0.0.1"]], "address_not_public"),
    ("public, then private", [["93.184.216.34"], ["127.0.0.1"]], "address_not_public"),
    ("private among public ones", [["93.184.216.34", "127.0.0.1", "93.184.216.35"]], "address_not_public"),
    ("private last", [["93.184.216.34", "::1"]], "address_not_public"),
    ("a link-local address with a zone", [["fe80::1%1"]], "address_not_public"),
    ("a public address with a zone", [["2606:4700::1111%1"]], "address_not_public"),
    ("no address", [["file"]], "address_not_public"),
    ("nothing", [[]], "http_unreachable"),
    ("dead ones only", [["93.184.216.34"] * 50], "http_unreachable"),
]
CASES: dict[str, list[Case]] = {
    "STATUSES": STATUSES, "CUTS": CUTS, "LENGTHS": LENGTHS, "CHUNKS": CHUNKS, "PROTOCOL": PROTOCOL, "BOMBS": BOMBS,
    "SLOW": SLOW,
    "REDIRECTS": REDIRECTS, "JSONS": JSONS, "BASES": BASES, "POSTERS": POSTERS, "FILMS": FILMS, "ADDRESSES": ADDRESSES,
    "REBINDING": REBINDING,
}  # fmt: skip


def each(*classes: str) -> pytest.MarkDecorator:
    named = [(of, name) for of in classes for name, _, _ in CASES[of]]
    return pytest.mark.parametrize(("of", "name"), named, ids=[f"{of}-{name[:40]!a}" for of, name in named])


def case(of: str, name: str) -> tuple[object, str]:
    return next((what, reason) for called, what, reason in CASES[of] if called == name)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with serving() as server:
        yield server


@pytest.fixture
def board() -> Switchboard:
    return Switchboard()


def refused(reasons: str, ask: Callable[[], object]) -> None:
    """The question ends in time, in a sentence with one of these reasons, and in no other exception."""
    started = time.monotonic()
    with pytest.raises((Rejected, CannotRun)) as raised:
        ask()
    assert isinstance(raised.value, Rejected)
    assert raised.value.reason in reasons.split("|")
    assert time.monotonic() - started < 5


@each("STATUSES", "CUTS", "LENGTHS", "CHUNKS", "PROTOCOL", "BOMBS")
def test_a_hostile_answer_costs_itself_only(wire: Wire, of: str, name: str) -> None:
    script, reason = case(of, name)
    with web_for(wire) as web:
        url = wire.on(f"/{of}", script)  # type: ignore[arg-type]
        refused(reason, lambda: web.get(url, limit_bytes=LIMIT))
        assert web.get(wire.on("/good", reply(body=b"well"))).body == b"well"


@each("SLOW")
def test_a_slow_answer_is_not_waited_for(wire: Wire, of: str, name: str) -> None:
    script, reason = case(of, name)
    with web_for(wire, limits=HURRY) as web:
        started = time.monotonic()
        refused(reason, lambda: web.get(wire.on("/slow", script)))  # type: ignore[arg-type]
        assert time.monotonic() - started < 2  # two attempts of 0.2 s, on a busy machine


@each("REDIRECTS")
def test_a_redirect_leads_nowhere_else(wire: Wire, board: Switchboard, of: str, name: str) -> None:
    where, reason = case(of, name)
    with serving() as other, web_for(wire, other, hosts=frozenset({"a.test"})) as web:
        target = str(where).replace("OTHER", other.url).replace("/REDIRECTS-to itself", "/from")
        asked = wire.count("/from")
        refused(reason, lambda: web.get(wire.on("/from", reply(302, Location=target)), token=SecretStr("canary")))
        assert wire.count("/from") - asked <= SHORT.redirects + 1
        assert not other.requests


@each("JSONS")
def test_hostile_json_is_no_film(wire: Wire, tmp_path: Path, of: str, name: str) -> None:
    body, reason = case(of, name)
    with web_for(wire) as web:
        tmdb = Tmdb(Objects(str(tmp_path)), web, SecretStr("canary"), wire.url)
        wire.on("/3/movie/1", reply(body=body))  # type: ignore[arg-type]
        refused(reason, lambda: tmdb.movie(1))
        wire.on("/3/movie/1", reply(body=b'{"id": 1}'))
        assert tmdb.movie(1).value == {"id": 1}  # nothing of it was kept


@each("BASES", "POSTERS", "FILMS")
def test_no_answer_says_where_to_ask(wire: Wire, tmp_path: Path, of: str, name: str) -> None:
    what, reason = case(of, name)
    good = {"images": {"secure_base_url": f"{wire.url}/t/p/", "poster_sizes": SIZES}}
    with web_for(wire, hosts=frozenset({"image.tmdb.org"}), network=Network(resolve=unreachable)) as web:
        tmdb = Tmdb(Objects(str(tmp_path)), web, SecretStr("canary"), wire.url)
        wire.on("/3/configuration", reply(body=json.dumps(what if of == "BASES" else good).encode()))
        asks = {"FILMS": tmdb.movie, "POSTERS": tmdb.poster, "BASES": lambda _: tmdb.poster("/a.jpg")}
        refused(reason, lambda: asks[of](what))  # type: ignore[operator]
    assert not any(path.startswith(("/t/p/", "/3/movie/0")) for path, _ in wire.requests)


def unreachable(host: str, port: int) -> list[str]:
    return ["127.0.0.1"] if host == "127.0.0.1" else pytest.fail(f"{host} was looked up")


@each("ADDRESSES")
def test_no_form_of_a_private_address_is_dialled(board: Switchboard, of: str, name: str) -> None:
    host, reason = case(of, name)
    address = f"[{host}]" if ":" in str(host) else str(host)
    network = Network(backend=board, sleep=lambda _: None)
    with Web(frozenset({str(host)}), limits=SHORT, network=network) as web:
        refused(reason, lambda: web.get(f"https://{address}/"))
    assert not board.dialled


@each("REBINDING")
def test_a_name_gains_nothing_by_what_it_answers(board: Switchboard, of: str, name: str) -> None:
    answers, reason = case(of, name)
    left = [list(addresses) for addresses in answers]  # type: ignore[attr-defined]
    network = Network(lambda host, port: left.pop(0) if len(left) > 1 else left[0], board, sleep=lambda _: None)
    with Web(frozenset({"a.test"}), limits=SHORT, network=network) as web:
        refused(reason, lambda: web.get("https://a.test/"))
    assert set(board.dialled) <= {"93.184.216.34"}
    assert len(board.dialled) <= 16


def test_there_are_enough_cases_and_no_two_alike() -> None:
    names = [(of, name) for of, cases in CASES.items() for name, _, _ in cases]
    assert len(CASES) >= 8
    assert len(names) >= 120
    assert len(set(names)) == len(names)


def test_a_plain_client_would_have_been_led_astray(wire: Wire) -> None:
    """The harness can fail: what is in common use follows, unpacks, repeats and believes."""
    with serving() as other, httpx.Client(follow_redirects=True, trust_env=False) as plain:
        other.on("/b", reply(body=gzip.compress(bytes(20 << 20)), Content_Encoding="gzip"))
        answer = plain.get(wire.on("/from", reply(302, Location=f"{other.url}/b")))
        assert len(other.requests) == 1
        assert len(answer.content) > LIMIT
    assert json.loads(b'{"id": NaN, "id": 1}') == {"id": 1}
    assert socket.getaddrinfo("0x7f.1", 80)[0][4][0] == "127.0.0.1"
