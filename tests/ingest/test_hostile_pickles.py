"""No pickle runs: every well-known way to make one do something ends in a sentence, and its marker never appears."""

from __future__ import annotations

import copyreg
import pickle
import struct
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gadgets import (
    BYTE,
    EXTENSION,
    Case,
    array,
    batch,
    call,
    fires,
    g,
    hung,
    memmap,
    named,
    proto,
    read,
    s,
    script,
    stacked,
    system,
    touch,
    writes,
)

from pipelines.ingest import sample
from pipelines.ingest.cifar10 import batches
from pipelines.ingest.cifar10.unpickle import unpickle
from pipelines.lake.errors import ContractBroken

CALLS = {  # name of the function → its arguments
    "os system": lambda m: (touch(m),),
    "posix system": lambda m: (touch(m),),
    "os popen": lambda m: (touch(m),),
    "os mkdir": lambda m: (s(m),),
    "os mkfifo": lambda m: (s(m),),
    "builtins eval": lambda m: (writes(m),),
    "builtins exec": lambda m: (writes(m),),
    "__builtin__ eval": lambda m: (writes(m),),
    "builtins open": lambda m: (s(m), s("w")),
    "io open": lambda m: (s(m), s("w")),
    "io FileIO": lambda m: (s(m), s("w")),
    "subprocess call": lambda m: (b"(" + s("touch") + s(m) + b"l",),
    "subprocess run": lambda m: (b"(" + s("touch") + s(m) + b"l",),
    "subprocess getoutput": lambda m: (touch(m),),
    "subprocess check_output": lambda m: (b"(" + s("touch") + s(m) + b"l",),
    "timeit timeit": lambda m: (writes(m), s("pass"), g("time perf_counter"), b"K\x01"),
    "runpy run_path": lambda m: (script(m),),
    "pydoc pipepager": lambda m: (s("x"), s(f"cat > {m}")),
    "uuid _get_command_stdout": lambda m: (s("touch"), s(m)),
    "shutil copyfile": lambda m: (script(m), s(m)),
    "numpy savetxt": lambda m: (s(m), b"(K\x01l"),
    "numpy memmap": lambda m: (memmap(m),),
    "numpy load": lambda m: (hung(m), s("r"), b"\x88"),
    "numpy.testing._private.utils runstring": lambda m: (writes(m), b"}"),
    "_pickle loads": lambda m: (b"B" + struct.pack("<I", len(proto(system(m)))) + proto(system(m)),),
    "pickle loads": lambda m: (b"B" + struct.pack("<I", len(proto(system(m)))) + proto(system(m)),),
    "sqlite3 connect": lambda m: (s(m),),
    "tarfile open": lambda m: (s(m), s("w")),
    "logging FileHandler": lambda m: (s(m),),
}

NAMESPACE = call("types SimpleNamespace")
CHAIN = call("builtins getattr", call("builtins __import__", s("os")), s("system"))

CASES: dict[str, list[Case]] = {
    "calls by REDUCE": [
        *(
            fires(name, lambda m, name=name, make=make: proto(call(name, *make(m)), 2 if name.startswith("__") else 3))  # type: ignore[misc]
            for name, make in CALLS.items()
        ),
        Case("subprocess Popen", lambda m: proto(call("subprocess Popen", b"(" + s("touch") + s(m) + b"l"))),
        Case("os _exit", lambda _: proto(call("os _exit", b"K\x00"))),
        Case("pty spawn", lambda m: proto(call("pty spawn", s("sh")))),
        Case("ctypes CDLL", lambda m: proto(call("ctypes CDLL", s(m)))),
    ],
    "calls by other opcodes": [
        fires("STACK_GLOBAL", lambda m: proto(stacked("os system", touch(m)), 4)),
        fires("STACK_GLOBAL of a dotted name", lambda m: proto(stacked("os path.os.system", touch(m)), 4)),
        fires("STACK_GLOBAL under protocol 2", lambda m: proto(stacked("os system", touch(m)))),
        fires("INST", lambda m: f"(S'touch {m}'\nios\nsystem\n.".encode()),
        fires("INST under protocol 2", lambda m: proto(b"(" + touch(m) + b"ios\nsystem\n")),
        fires("OBJ", lambda m: proto(b"(" + g("os popen") + touch(m) + b"o")),
        fires("OBJ of a file", lambda m: proto(b"(" + g("io FileIO") + s(m) + s("w") + b"o")),
        fires("NEWOBJ", lambda m: proto(g("numpy memmap") + b"(" + memmap(m) + b"t\x81")),
        fires("NEWOBJ_EX", lambda m: proto(g("numpy memmap") + b"(" + memmap(m) + b"t}\x92", 4)),
        fires("EXT1", lambda m: proto(b"\x82" + bytes([EXTENSION]) + b"(" + touch(m) + b"tR")),
        fires("EXT2", lambda m: proto(b"\x83" + struct.pack("<H", EXTENSION) + b"(" + touch(m) + b"tR")),
        fires("EXT4", lambda m: proto(b"\x84" + struct.pack("<i", EXTENSION) + b"(" + touch(m) + b"tR")),
        fires(
            "BUILD with __setstate__",
            lambda m: proto(NAMESPACE + b"}" + s("__setstate__") + g("os system") + b"sb" + touch(m) + b"b"),
        ),
        fires("BUILD of a call", lambda m: proto(b"}" + NAMESPACE + b"}" + s("x") + system(m) + b"sb\x86")),
        fires("protocol 0", lambda m: f"cos\nsystem\n(S'touch {m}'\ntR.".encode()),
        fires("protocol 0 by memo", lambda m: f"cos\nsystem\np0\n0(S'touch {m}'\ntp1\n0g0\ng1\nR.".encode()),
        fires("protocol 1", lambda m: b"cos\nsystem\n(" + touch(m) + b"tR."),
        fires("no protocol", lambda m: system(m) + b"."),
        fires("protocol 5", lambda m: proto(stacked("os system", touch(m)), 5)),
        fires("a frame", lambda m: proto(b"\x95" + struct.pack("<Q", len(system(m)) + 1) + system(m), 4)),
        Case("persistent id", lambda m: f"Pos.system('touch {m}')\n.".encode()),
        Case("binary persistent id", lambda m: proto(system(m) + b"Q")),
        Case("out-of-band buffer", lambda m: proto(system(m) + b"\x97", 5)),
    ],
    "chains": [
        fires("getattr of an import", lambda m: proto(CHAIN + b"(" + touch(m) + b"tR")),
        fires("partial", lambda m: proto(call("functools partial", g("os system"), touch(m)) + b")R")),
        fires(
            "map", lambda m: proto(call("builtins list", call("builtins map", g("os system"), b"(" + touch(m) + b"t")))
        ),
        fires("resolve_name", lambda m: proto(call("pkgutil resolve_name", s("os:system")) + b"(" + touch(m) + b"tR")),
        fires(
            "attrgetter",
            lambda m: proto(
                call("operator attrgetter", s("system")) + b"(" + g("shutil os") + b"tR(" + touch(m) + b"tR"
            ),
        ),
        fires(
            "methodcaller",
            lambda m: proto(call("operator methodcaller", s("system"), touch(m)) + b"(" + g("shutil os") + b"tR"),
        ),
        fires(
            "copyreg and SimpleNamespace",
            lambda m: proto(
                call("copyreg __newobj__", g("types SimpleNamespace"))
                + b"}"
                + s("__setstate__")
                + g("os system")
                + b"sb"
                + touch(m)
                + b"b"
            ),
        ),
        fires(
            "reduce",
            lambda m: proto(
                call(
                    "functools reduce",
                    g("builtins getattr"),
                    b"(" + g("shutil os") + s("path") + s("os") + s("system") + b"t",
                )
                + b"("
                + touch(m)
                + b"tR"
            ),
        ),
        Case(
            "copyreg _reconstructor",
            lambda m: proto(call("copyreg _reconstructor", g("os _wrap_close"), g("builtins object"), b"N")),
        ),
        Case("compile", lambda m: proto(call("builtins compile", writes(m), s("x"), s("exec")))),
        Case("marshal", lambda m: proto(call("marshal loads", s("x")))),
        Case("codecs encode", lambda m: proto(call("_codecs encode", s("x"), s("latin1")))),
    ],
    "inside a batch": [
        fires("among the labels", lambda m: batch(labels=b"](" + system(m) + b"e")),
        fires("as the labels", lambda m: batch(labels=system(m))),
        fires("among the file names", lambda m: batch(filenames=b"](" + system(m) + b"e")),
        fires("as the data", lambda m: batch(data=system(m))),
        fires("as the array's shape", lambda m: batch(data=array(shape=system(m) + b"\x85"))),
        fires("as the array's type", lambda m: batch(data=array(kind=system(m)))),
        fires("as the array's content", lambda m: batch(data=array(rest=b"\x89" + system(m)))),
        fires("as the type's state", lambda m: batch(data=array(kind=BYTE[:-4] + system(m) + b"tb"))),
        fires("as a key", lambda m: proto(b"}(" + system(m) + b"K\x01u")),
        fires("before it", lambda m: b"\x80\x02" + system(m) + b"0" + batch()[2:]),
        fires("left in the memo", lambda m: b"\x80\x02" + system(m) + b"q\x07" + batch()[2:]),
        Case("behind its end", lambda m: batch() + proto(system(m))),
        Case("behind its end without a header", lambda m: batch() + system(m) + b"."),
        fires("instead of _reconstruct", lambda m: batch(data=call("builtins eval", writes(m)))),
        fires("in place of ndarray", lambda m: batch(data=g("os system") + touch(m) + b"\x85R")),
    ],
    "names near those of numpy": [
        named(name)
        for name in (
            "numpy ndarray.tofile",
            "numpy ndarray.__reduce__",
            "numpy  ndarray",
            "NumPy ndarray",
            "numpy.ndarray ",
            " numpy.ndarray",
            "numpy fromfile",
            "numpy frombuffer",
            "numpy matrix",
            "numpy memmap",
            "numpy.core ndarray",
            "numpy.core.multiarray fromfile",
            "numpy.core.multiarray scalar",
            "numpy.core.multiarray _reconstruct.__globals__",
            "numpy.core.numeric _frombuffer",
            "numpy._core.numeric _frombuffer",
            "numpy.core.multiarray.os system",
            "numpy._core._methods os",
            "numpy.ma.core _mareconstruct",
            "numpy.random._pickle __randomstate_ctor",
            "numpy\r ndarray",
            "nump\u0443 ndarray",
            "numpy\x00 ndarray",
            "numpy " + "n" * 60_000,
            "n" * 60_000 + " ndarray",
            " ",
        )
    ],
}
ALL = [pytest.param(case, id=f"{kind}: {case.name}") for kind, cases in CASES.items() for case in cases]
FIRING = [pytest.param(case, id=case.name) for cases in CASES.values() for case in cases if case.fires]


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture(autouse=True, scope="module")
def extension() -> Iterator[None]:
    """What a program that uses copyreg's registry would have in it."""
    copyreg.add_extension("os", "system", EXTENSION)
    yield
    copyreg.remove_extension("os", "system", EXTENSION)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample.write_cifar10(tmp_path_factory.mktemp("cifar"), per_batch=1)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 5
    assert sum(map(len, CASES.values())) >= 80


def test_the_batch_they_are_cut_from_is_sound(copy: Path) -> None:
    (copy / "data_batch_1").write_bytes(batch())
    read(copy)


@pytest.mark.parametrize("case", ALL)
def test_it_ends_in_a_sentence_and_nothing_runs(case: Case, copy: Path, marker: Path) -> None:
    data = case.make(marker)
    (copy / "data_batch_1").write_bytes(data)
    start = time.process_time()
    with pytest.raises(ContractBroken, match=r"^data_batch_1 in |data_batch_1 has more than 64 MiB") as broken:
        read(copy)
    assert time.process_time() - start < 2
    assert len(str(broken.value)) < 600
    with suppress(ContractBroken):
        unpickle(data, "the same bytes")
    with suppress(ContractBroken):
        batches._check_meta(unpickle(data, batches.META), copy)
    assert not marker.exists()


@pytest.mark.parametrize("case", FIRING)
def test_python_would_have_run_it(case: Case, marker: Path) -> None:
    """Else the canary would prove nothing."""
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pickle.loads(case.make(marker))
    assert marker.exists() or _appears(marker)


def _appears(marker: Path) -> bool:
    for _ in range(200):  # popen does not wait
        if marker.exists():
            return True
        time.sleep(0.01)
    return False
