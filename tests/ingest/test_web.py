"""The web client asks politely, goes nowhere it was not sent, and keeps the token to itself."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import ssl
import threading
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from wire import QUICK, SHORT, Switchboard, Wire, reply, serving, web_for

from pipelines.ingest.addresses import Network, is_public
from pipelines.ingest.bodies import read_body
from pipelines.ingest.pace import Pace, Retries, retry_after
from pipelines.ingest.web import Limits, Web
from pipelines.lake.errors import CannotRun, Rejected

CANARY = "eyJjYW5hcnk.never-to-be-seen"
TOKEN = SecretStr(CANARY)


class Clock:
    """Time that passes only when someone sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def network(self) -> Network:
        return Network(clock=lambda: self.now, sleep=self.sleep)


def test_an_answer_comes_whole_with_its_headers() -> None:
    with serving() as wire, web_for(wire) as web:
        answer = web.get(wire.on("/a", reply(body=b"hello", ETag="x")), {"q": "a b&c"})
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b"hello", "x")
    assert "GET /a?q=a%20b%26c HTTP/1.1" in wire.requests[0][1] or "GET /a?q=a+b%26c HTTP/1.1" in wire.requests[0][1]


def test_a_packed_answer_is_unpacked_unless_it_is_wanted_as_it_is() -> None:
    packed = gzip.compress(b"hello" * 1000)
    with serving() as wire, web_for(wire) as web:
        url = wire.on("/a", reply(body=packed, Content_Encoding="gzip"))
        assert web.get(url).body == b"hello" * 1000
        assert web.get(url, unpack=False).body == packed


@given(st.binary(max_size=2000), st.integers(1, 50), st.booleans())
def test_a_body_is_the_same_in_whatever_pieces_it_comes(data: bytes, size: int, is_packed: bool) -> None:
    sent = gzip.compress(data) if is_packed else data
    chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
    assert read_body(chunks, "gzip" if is_packed else "", 2000) == data
    if data:
        with pytest.raises(Rejected, match="longer"):
            read_body(chunks, "gzip" if is_packed else "", len(data) - 1)


def test_a_bomb_is_never_in_memory() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(Rejected, match="too_many_bytes"):
        read_body([bomb], "gzip", 100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_request_ends_on_time_whatever_one_read_may_take() -> None:
    limits, once = Limits(read_seconds=30, total_seconds=0.2), Retries(attempts=1)
    started = time.monotonic()
    with serving() as wire, web_for(wire, limits=limits, retries=once) as web:
        with pytest.raises(Rejected, match="http_timeout"):
            web.get(wire.on("/a", lambda _: time.sleep(3)))
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 408])
def test_a_passing_failure_is_asked_again(status: int) -> None:
    with serving() as wire, web_for(wire) as web:
        assert web.get(wire.on("/a", reply(status), reply(body=b"there"))).body == b"there"
    assert wire.count("/a") == 2


def test_attempts_are_bounded_and_counted_in_the_reason() -> None:
    once_more = Retries(attempts=3)
    expected = pytest.raises(Rejected, match=r"http_500.*asked 3 times")
    with serving() as wire, web_for(wire, retries=once_more) as web, expected:
        web.get(wire.on("/a", reply(500)))
    assert wire.count("/a") == 3


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_lasting_failure_is_asked_once(status: int) -> None:
    with serving() as wire, web_for(wire) as web, pytest.raises(Rejected, match=f"http_{status}"):
        web.get(wire.on("/a", reply(status)))
    assert wire.count("/a") == 1


@pytest.mark.parametrize(("status", "asks", "waits"), [(429, 7, 7), (503, 7, 7), (429, 100_000, 60), (503, 0, 0)])
def test_retry_after_is_obeyed_up_to_a_limit(status: int, asks: int, waits: float) -> None:
    clock = Clock()
    with serving() as wire, web_for(wire, network=clock.network(), retries=Retries()) as web:
        web.get(wire.on("/a", reply(status, Retry_After=asks), reply()))
    assert sum(clock.slept) == pytest.approx(waits, abs=0.01)


def test_one_429_holds_every_thread_back() -> None:
    clock = Clock()
    with serving() as wire, web_for(wire, network=clock.network(), retries=Retries(attempts=1)) as web:
        with pytest.raises(Rejected, match="http_429"):
            web.get(wire.on("/a", reply(429, Retry_After=9)))
        web.get(wire.on("/b", reply()))
    assert sum(clock.slept) == pytest.approx(9, abs=0.01)


def test_retry_after_is_a_number_or_a_date() -> None:
    now = datetime.now(UTC)
    assert retry_after("120") == 120
    assert 50 < (retry_after(format_datetime(now + timedelta(minutes=1), usegmt=True)) or 0) <= 60
    assert retry_after(format_datetime(now - timedelta(minutes=1))) == 0


@given(st.text(max_size=60) | st.sampled_from(["Fri, 99 Xxx 2026 25:61:61 GMT", "-5", "1e9", "٣", "9" * 500, "0 GMT"]))
def test_any_other_retry_after_says_nothing(text: str) -> None:
    wait = retry_after(text)
    assert wait is None or wait >= 0


def test_waits_grow_and_end() -> None:
    waits = [Retries().backoff(attempt) for attempt in range(2000)]
    assert waits[0] <= 0.5 <= waits[2] <= 2.0
    assert max(waits) <= 60


def test_no_more_than_the_rate_over_all_threads() -> None:
    pace, times = Pace(200, Network()), []

    def ask() -> None:
        for _ in range(10):
            pace.turn()
            times.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 40
    assert max(times) - started >= 39 / 200


def test_the_rate_is_kept_exactly_and_retries_count() -> None:
    clock = Clock()
    with serving() as wire, web_for(wire, network=clock.network(), limits=Limits(per_second=20)) as web:
        url = wire.on("/a", reply(503, Retry_After=0), *[reply()] * 30)
        for _ in range(29):
            web.get(url)
    assert clock.now - 1000 == pytest.approx(29 / 20)


def test_a_service_that_is_away_is_given_up() -> None:
    retries = Retries(attempts=2, first_seconds=0, away_after=3)
    with serving() as wire, web_for(wire, retries=retries) as web:
        url = wire.on("/a", reply(500))
        for _ in range(2):
            with pytest.raises(Rejected):
                web.get(url)
        with pytest.raises(CannotRun, match="is away"):
            web.get(url)
        asked = wire.count("/a")
        with pytest.raises(CannotRun, match="is away"):
            web.get(wire.on("/b", reply()))
    assert (asked, wire.count("/b")) == (6, 0)


def test_one_answer_ends_the_count_of_failures() -> None:
    with serving() as wire, web_for(wire, retries=Retries(attempts=1, first_seconds=0, away_after=2)) as web:
        bad, good = wire.on("/a", reply(500)), wire.on("/b", reply())
        for _ in range(4):
            with pytest.raises(Rejected):
                web.get(bad)
            web.get(good)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_ends_the_run(status: int) -> None:
    with serving() as wire, web_for(wire) as web:
        url = wire.on("/a", reply(status))
        with pytest.raises(CannotRun, match="refused the access token"):
            web.get(url, token=TOKEN)
        with pytest.raises(Rejected, match=f"http_{status}"):
            web.get(url)


def test_the_token_goes_along_on_the_same_server_only() -> None:
    with serving() as wire, web_for(wire) as web:
        wire.on("/b", reply(302, Location="c"))
        wire.on("/c", reply(body=b"here"))
        assert web.get(wire.on("/a", reply(301, Location=f"{wire.url}/b")), token=TOKEN).body == b"here"
    assert [f"Bearer {CANARY}" in head for _, head in wire.requests] == [True] * 3


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server and a client, by a certificate for a.test and b.test that only this client trusts."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    names = x509.SubjectAlternativeName([x509.DNSName("a.test"), x509.DNSName("b.test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, encoding = Path(tmp_path_factory.mktemp("tls") / "a.pem"), serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(key.private_bytes(encoding, form, plain) + certificate.public_bytes(encoding))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=pem)


class Shop:
    """https servers a.test and b.test at public addresses, seen from a client that may ask both."""

    def __init__(
        self, wire: Wire, client: ssl.SSLContext, hosts: frozenset[str] = frozenset({"a.test", "b.test"})
    ) -> None:
        self.wire, self.board = wire, Switchboard(**{"93_184_216_34": wire.port, "93_184_216_35": wire.port})
        self.names = {"a.test": [["93.184.216.34"]], "b.test": [["93.184.216.35"]], "c.test": [["93.184.216.34"]]}
        network = Network(resolve=self.resolve, backend=self.board, sleep=lambda _: None)
        self.web = Web(hosts, frozenset(), QUICK, SHORT, network, client)

    def resolve(self, host: str, port: int) -> list[str]:
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def shop(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Shop:
    with serving(lambda plain: contexts[0].wrap_socket(plain, server_side=True)) as wire:
        yield Shop(wire, contexts[1], frozenset({"a.test", "b.test", "c.test"}))


def test_https_goes_to_the_address_that_was_checked_under_the_name_that_was_asked(shop: Shop) -> None:
    shop.wire.on("/a", reply(body=b"safe"))
    assert shop.web.get("https://a.test/a").body == b"safe"
    assert shop.board.dialled == ["93.184.216.34"]
    assert "Host: a.test" in shop.wire.requests[0][1]


def test_a_certificate_for_another_name_is_no_answer(shop: Shop) -> None:
    with pytest.raises(Rejected, match="http_unreachable"):
        shop.web.get("https://c.test/a", token=TOKEN)
    assert not shop.wire.requests


def test_another_server_never_sees_the_token_not_even_on_the_way_back(shop: Shop) -> None:
    shop.wire.on("/a", reply(302, Location="https://b.test/b"))
    shop.wire.on("/b", reply(302, Location="https://a.test/c"))
    shop.wire.on("/c", reply())
    shop.web.get("https://a.test/a", token=TOKEN)
    assert [CANARY in head for _, head in shop.wire.requests] == [True, False, False]


def test_a_name_that_changes_its_address_is_checked_each_time_it_is_dialled(shop: Shop) -> None:
    shop.names["a.test"] = [["93.184.216.34"], ["127.0.0.1"]]
    shop.wire.on("/a", reply(500))
    with pytest.raises(Rejected, match="address_not_public"):
        shop.web.get("https://a.test/a")
    assert shop.board.dialled == ["93.184.216.34"]


def test_a_name_with_a_dead_address_is_dialled_at_its_next(shop: Shop) -> None:
    shop.names["a.test"] = [["93.184.216.99", "93.184.216.34"]]
    shop.wire.on("/a", reply())
    shop.web.get("https://a.test/a")
    assert shop.board.dialled == ["93.184.216.99", "93.184.216.34"]


def test_https_is_never_left_for_http(shop: Shop) -> None:
    shop.wire.on("/a", reply(302, Location="http://a.test/b"))
    with pytest.raises(Rejected, match="scheme_not_allowed"):
        shop.web.get("https://a.test/a", token=TOKEN)
    assert len(shop.wire.requests) == 1


def test_the_token_stands_nowhere(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = [repr(shop.web), repr(vars(shop.web))]
    for path, script in {
        "/a": reply(200, X_Echo=CANARY),
        "/b": reply(500, CANARY.encode()),
        "/c": reply(302, Location=f"https://{CANARY}.test/{CANARY}"),
        "/d": f"HTTP/1.1 {CANARY}\r\n\r\n".encode(),
        "/e": reply(200, Content_Length=CANARY),
        "/f": reply(401, X_Echo=CANARY),
        "/g": reply(200, Content_Encoding=CANARY),
    }.items():
        shop.wire.on(path, script)
        try:
            said.append(repr(shop.web.get(f"https://a.test{path}", token=TOKEN)))
        except (Rejected, CannotRun) as error:
            said += [
                repr(error),
                str(error),
                *logging.Formatter().formatException((type(error), error, error.__traceback__)).splitlines(),
            ]
    assert len([head for _, head in shop.wire.requests if CANARY in head]) >= 7
    assert CANARY not in "".join(said) + caplog.text


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX-Evil: 1", "a\n", "ä", "x" * 5000])
def test_what_is_no_token_is_not_sent(token: str) -> None:
    with serving() as wire, web_for(wire) as web, pytest.raises(CannotRun, match="access token"):
        web.get(wire.on("/a", reply()), token=SecretStr(token))
    assert not wire.requests


@given(st.ip_addresses())
def test_what_is_public_is_what_python_calls_global_and_more_narrowly(ip: ipaddress.IPv4Address) -> None:
    if is_public(str(ip)):
        assert ip.is_global
        assert not ip.is_multicast


@given(st.ip_addresses(v=4))
def test_wrapping_changes_nothing(ip: ipaddress.IPv4Address) -> None:
    wrapped = [f"::ffff:{ip}", f"64:ff9b::{ip}", str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80)))]
    assert {is_public(address) for address in wrapped} == {is_public(str(ip))}


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::1.1.1.1"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
