"""What is no sound batch ends in a sentence, whatever is wrong with it, in little time and little memory."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gadgets import ARRAY, BYTE, CONTENT, SHAPE, Case, array, batch, fixed, g, proto, read, s
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest import sample
from pipelines.ingest.cifar10.unpickle import unpickle
from pipelines.ingest.sample.pickles import pickled
from pipelines.lake.errors import ContractBroken

CASES: dict[str, list[Case]] = {
    "arrays of another kind": [
        fixed("of objects", batch(data=array(kind=BYTE.replace(b"u1", b"O8"), rest=b"\x89](Ne"))),
        fixed("of objects, flagged", batch(data=array(kind=BYTE.replace(b"K\x00tb", b"K\x3ftb")))),
        fixed("of floats", batch(data=array(kind=BYTE.replace(b"u1", b"f4")))),
        fixed("of records", batch(data=array(kind=BYTE.replace(b"NNN", b"N(U\x01ft}")))),
        fixed("of 2 GiB items", batch(data=array(kind=BYTE.replace(b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f", 1)))),
        fixed("typed by a name", batch(data=array(kind=g("numpy dtype") + b"U\x0bV2147483647K\x00K\x01\x87R"))),
        fixed("big-endian", batch(data=array(kind=BYTE.replace(b"U\x01|", b"U\x01>")))),
        fixed("in columns first", batch(data=array(rest=b"\x88" + CONTENT))),
        fixed("of other version", batch(data=array().replace(b"(K\x01K\x01M", b"(K\x02K\x01M"))),
        fixed("without content", batch(data=ARRAY)),
        fixed("filled twice", batch(data=array(array()))),
        fixed("larger than its content", batch(data=array(shape=b"K\x02M\x00\x0c\x86"))),
        fixed("smaller than its content", batch(data=array(shape=b"K\x00M\x00\x0c\x86"))),
        fixed("of a negative side", batch(data=array(shape=b"J\xff\xff\xff\xffJ\x00\xf4\xff\xff\x86"))),
        fixed("of two negative sides", batch(data=array(shape=b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86"))),
        fixed("of 4 exabytes", batch(data=array(shape=b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"))),
        fixed("of no columns", batch(data=array(shape=b"J\xff\xff\xff\x7fK\x00\x86", rest=b"\x89U\x00"))),
        fixed("of one dimension", batch(data=array(shape=b"M\x00\x0c\x85"))),
        fixed("of three dimensions", batch(data=array(shape=b"K\x01K\x01M\x00\x0c\x87"))),
        fixed("of a size that is a text", batch(data=array(shape=b"U\x011M\x00\x0c\x86"))),
        fixed("begun with a size", batch(data=array(ARRAY.replace(b"K\x00\x85", b"J\xff\xff\xff\x7f\x85")))),
        fixed("begun with another type", batch(data=array(ARRAY.replace(b"U\x01b", b"U\x01O")))),
        fixed("with a text as content", batch(data=array(rest=b"\x89" + s(bytes(3072))))),
        fixed("with a list as content", batch(data=array(rest=b"\x89](K\x01e"))),
        fixed("its own content", batch(data=ARRAY + b"q\x05(K\x01" + SHAPE + BYTE + b"\x89h\x05tb")),
        fixed("that is its type", batch(data=BYTE)),
        fixed("that is its class", batch(data=g("numpy ndarray"))),
        fixed("that is a list", batch(data=b"](K\x01e")),
    ],
    "bombs": [
        fixed("a memo of 4 billion", proto(b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff")),
        fixed("a text of 2 GiB", proto(b"T\xff\xff\xff\x7fx")),
        fixed("a text of -1 bytes", proto(b"T\xff\xff\xff\xffx")),
        fixed("a text of -2 GiB", proto(b"T\x00\x00\x00\x80x")),
        fixed("bytes of 4 GiB", proto(b"B\xff\xff\xff\xffx", 3)),
        fixed("a unicode of 4 GiB", proto(b"X\xff\xff\xff\xffx")),
        fixed("bytes of 8 EiB", proto(b"\x8e" + struct.pack("<Q", 2**63) + b"x", 4)),
        fixed("a bytearray of 8 EiB", proto(b"\x96" + struct.pack("<Q", 2**63) + b"x", 5)),
        fixed("a frame of 8 EiB", proto(b"\x95" + struct.pack("<Q", 2**63) + b"N", 4)),
        fixed("a frame within protocol 2", proto(b"\x95" + struct.pack("<Q", 3) + b"N")),
        fixed("a long of 2 GiB", proto(b"\x8b\xff\xff\xff\x7f\x01")),
        fixed("a long of 8 million bits", proto(b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6)),
        fixed("a number of a million digits", proto(b"I" + b"9" * 10**6 + b"\n")),
        fixed("a text without an end", proto(b"S'" + b"x" * 10**6)),
        fixed("2 million marks", proto(b"(" * 2_000_000)),
        fixed("2 million lists", proto(b"]" * 2_000_000)),
        fixed("2 million dicts", proto(b"}" * 2_000_000)),
        fixed("2 million duplicates", proto(b"N" + b"2" * 2_000_000)),
        fixed("150,000 lists", proto(b"]" * 150_000)),
        fixed("150,000 memos", proto(b"N" + b"".join(b"r" + struct.pack("<I", n) for n in range(150_000)))),
        fixed("tuples 190,000 deep", proto(b"N" + b"\x85" * 190_000)),
        fixed("lists 90,000 deep", proto(b"]" * 90_000 + b"a" * 89_999)),
        fixed("a key 190,000 deep", proto(b"}N" + b"\x85" * 190_000 + b"Ns")),
        fixed("a shape 190,000 deep", batch(data=array(shape=b"N" + b"\x85" * 190_000))),
        fixed("arguments 190,000 deep", proto(g("numpy dtype") + b"N" + b"\x85" * 190_000 + b"R")),
        fixed("a billion laughs", proto(b"](" + b"K\x01e" + b"q\x00]h\x00ah\x00aq\x00" * 60)),
        fixed("a list in itself", proto(b"]q\x00h\x00a")),
        fixed("a dict in itself", proto(b"}q\x00" + s("x") + b"h\x00s" + s("x") + b"h\x00s")),
        fixed("a list in itself as labels", batch(labels=b"]q\x00h\x00a")),
        fixed("a file of over 64 MiB", proto(b"T" + struct.pack("<i", 64 << 20) + bytes(64 << 20))),
    ],
    "disorder": [
        fixed("nothing", b""),
        fixed("a header only", b"\x80\x02"),
        fixed("an end only", proto(b"")),
        fixed("text", b"<html>404 Not Found</html>"),
        fixed("zeros", bytes(4000)),
        fixed("protocol 255", proto(b"}", 255)),
        fixed("a second header", proto(b"\x80\x02}")),
        fixed("a list", proto(b"]")),
        fixed("a number", proto(b"K\x01")),
        fixed("two values", proto(b"}}")),
        fixed("an open mark", proto(b"(}")),
        fixed("bytes behind the end", batch() + b"\n"),
        fixed("two batches", batch() + batch()),
        fixed("a mark that was never set", proto(b"}u")),
        fixed("append to nothing", proto(b"K\x01a")),
        fixed("append to a dict", proto(b"}K\x01a")),
        fixed("set in a list", proto(b"]K\x01K\x02s")),
        fixed("a key without a value", proto(b"}(" + s("x") + b"u")),
        fixed("a key that is a number", proto(b"}K\x01K\x02s")),
        fixed("a key twice", proto(b"}" + s("x") + b"Ns" + s("x") + b"Ns")),
        fixed("a key as text and as bytes", proto(b"}" + s("x") + b"NsU\x01xNs")),
        fixed("a memo that was never kept", proto(b"}h\x09")),
        fixed("memo of nothing", proto(b"q\x00")),
        fixed("memo across a mark", proto(b"}(q\x00")),
        fixed("reduce of nothing", proto(b"R")),
        fixed("reduce of a number", proto(b"K\x01)R")),
        fixed("build of a dict", proto(b"}}b")),
        fixed("build of nothing", proto(b"}b")),
        fixed("text that is not UTF-8", proto(b"}" + s(b"\xff\xfe") + b"Ns")),
        fixed("surrogates", proto(b"}" + s(b"\xed\xa0\x80") + b"Ns")),
    ],
    "not what a batch holds": [
        fixed("no data", pickled({b"labels": [1], b"filenames": [b"a"]})),
        fixed("no labels", pickled({b"data": np.zeros((1, 3072), np.uint8)})),
        fixed("rows of 3,071", pickled({b"data": np.zeros((1, 3071), np.uint8), b"labels": [1]})),
        fixed("rows of 3,073", pickled({b"data": np.zeros((1, 3073), np.uint8), b"labels": [1]})),
        fixed("fewer labels", pickled({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]})),
        fixed("more labels", pickled({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1, 2]})),
        fixed("fewer names", pickled({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1], b"filenames": []})),
        fixed(
            "names that are a text",
            pickled({b"data": np.zeros((1, 3072), np.uint8), b"labels": [1], b"filenames": b"a"}),
        ),
        fixed("labels that are a text", batch(labels=b"U\x01\x03")),
        fixed("labels that are an array", batch(labels=array())),
        fixed("labels that are a tuple", batch(labels=b"K\x03\x85")),
        fixed("labels that are texts", batch(labels=b"](U\x013e")),
        fixed("labels that are true", batch(labels=b"](\x88e")),
        fixed("labels that are nothing", batch(labels=b"](Ne")),
        fixed("labels that are lists", batch(labels=b"](]e")),
        fixed("the meta file", pickled({b"label_names": [], b"num_vis": 3072})),
        fixed(
            "CIFAR-100", pickled({b"data": np.zeros((1, 3072), np.uint8), b"fine_labels": [1], b"coarse_labels": [1]})
        ),
    ],
}
ALL = [pytest.param(case, id=f"{kind}: {case.name}") for kind, cases in CASES.items() for case in cases]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.write_cifar10(tmp_path_factory.mktemp("cifar"), per_batch=1)


@pytest.mark.parametrize("case", ALL)
def test_it_ends_in_a_sentence_that_names_the_file(case: Case, copy: Path) -> None:
    (copy / "data_batch_1").write_bytes(case.make(copy))
    start = time.process_time()
    with pytest.raises(ContractBroken, match=r"^data_batch_1 in |data_batch_1 has more than 64 MiB") as broken:
        read(copy)
    assert time.process_time() - start < 2
    assert len(str(broken.value)) < 600


@pytest.mark.parametrize("case", CASES["bombs"], ids=lambda case: case.name)
def test_a_bomb_takes_no_memory(case: Case, tmp_path: Path) -> None:
    data = case.make(tmp_path)
    tracemalloc.start()
    try:
        with suppress(ContractBroken):
            unpickle(data, "a bomb")
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


SMALL = pickled(
    {
        b"batch_label": b"training batch 1 of 5",
        b"labels": [3, 200],
        b"data": np.arange(24, dtype=np.uint8).reshape(2, 12),
        b"filenames": [b"cat_s_000001.png", b"dog_s_000002.png"],
    }
)


def test_every_prefix_ends_in_a_sentence() -> None:
    assert list(unpickle(SMALL, "whole")) == ["batch_label", "labels", "data", "filenames"]
    for end in range(len(SMALL)):
        with pytest.raises(ContractBroken, match="cut is not a batch"):
            unpickle(SMALL[:end], "cut")


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_brings_anything_but_a_sentence(seed: int) -> None:
    """1,500 mutants a seed, each with up to eight bytes changed, put in or taken out."""
    draw = random.Random(seed)
    survived = 0
    for _ in range(1500):
        damaged = bytearray(SMALL)
        for _ in range(draw.choice((1, 1, 2, 8))):
            at = draw.randrange(len(damaged))
            new = bytes([draw.choice((0, 1, 0x7F, 0x80, 0xFF, *b"(.}]tqhRbcNKU", draw.randrange(256)))])
            damaged[at : at + draw.choice((0, 1, 1, 1, 4))] = new
        with suppress(ContractBroken):
            assert isinstance(unpickle(bytes(damaged), "mutant"), dict)
            survived += 1
    assert survived < 1500


PIECES = [
    *(bytes([opcode]) for opcode in b"N}](teasuRb\x85\x86\x87\x88\x89."),
    *(b"K\x00", b"K\x01", b"K\x03", b"M\x00\x0c", b"J\xff\xff\xff\xff", b"U\x01b", b"U\x02u1", b"U\x01|", b"q\x00"),
    *(b"h\x00", b"q\x01", b"h\x01", s("data"), s("labels"), ARRAY, BYTE, SHAPE, CONTENT, array()),
    *(g("numpy.core.multiarray _reconstruct"), g("numpy ndarray"), g("numpy dtype"), g("os system")),
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_no_program_of_known_opcodes_brings_anything_but_a_dict_or_a_sentence(program: list[bytes]) -> None:
    with suppress(ContractBroken):
        for key, value in unpickle(proto(b"".join(program)), "a program").items():
            assert isinstance(key, str)
            assert not callable(value)
