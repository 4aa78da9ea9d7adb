"""A tar is read as it lies: nothing is unpacked, nothing outside is met, and no claim of its headers is believed."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from gadgets import proto, read, system

from pipelines.ingest import sample
from pipelines.ingest.cifar10 import batches
from pipelines.lake.errors import CannotRun, ContractBroken, TesseraError

NAMES = (batches.META, *batches.TRAIN, batches.TEST)
Files = dict[str, bytes]
Entry = tuple[tarfile.TarInfo, bytes]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = sample.write_cifar10(tmp_path_factory.mktemp("cifar"), per_batch=2)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def entry(name: str, data: bytes = b"", **changed: object) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in changed.items():
        setattr(info, field, value)
    return info, data


def entries(files: Files, folder: str = "cifar-10-batches-py/") -> list[Entry]:
    return [entry(folder + name, data) for name, data in files.items()]


def tar(path: Path, members: list[Entry], mode: str = "w:gz", form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return path


def raw(info: tarfile.TarInfo, data: bytes = b"", **changed: object) -> bytes:
    """Return a header that tarfile itself would not write, and what stands behind it."""
    for field, value in changed.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def claims(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info, _ = entry(name)
    return raw(info, size=size, type=kind)


def zeros(count: int) -> bytes:
    """Return `count` MiB of zeros, packed."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for _ in range(count):
            file.write(bytes(1 << 20))
    return packed.getvalue()


def pax(**records: str) -> Callable[[Files], bytes]:
    """Return a whole tar whose first batch has a second header that says otherwise."""

    def make(files: Files) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for info, data in entries(files):
                if info.name.endswith("data_batch_1"):
                    info.pax_headers = {name.replace("_", "."): value for name, value in records.items()}
                archive.addfile(info, io.BytesIO(data))
        return file.getvalue()

    return make


def beside(*odd: Entry) -> Callable[[Files], bytes]:
    """Return a whole tar with something odd before it."""

    def make(files: Files) -> bytes:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            for info, data in [*odd, *entries(files)]:
                archive.addfile(info, io.BytesIO(data))
        return file.getvalue()

    return make


def after(head: bytes) -> Callable[[Files], bytes]:
    return lambda files: head + beside()(files)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> Entry:
    return entry(name, type=kind, linkname=target)


CASES: dict[str, list[tuple[str, Callable[[Files], bytes]]]] = {
    "names that lead out": [
        (name, beside(entry(name, b"x")))
        for name in (
            "../data_batch_1",
            "/etc/cron.d/x",
            "a/../../x",
            "..\\x",
            "C:\\x",
            "a\\b",
            "cifar-10-batches-py/..",
        )
    ],
    "what is no file": [
        ("symbolic link", beside(link("cifar-10-batches-py/data_batch_1", "/etc/passwd"))),
        ("link to a folder", beside(link("cifar-10-batches-py", "/etc"))),
        ("hard link", beside(link("x", "cifar-10-batches-py/data_batch_1", tarfile.LNKTYPE))),
        ("pipe", beside(entry("x", type=tarfile.FIFOTYPE))),
        ("character device", beside(entry("x", type=tarfile.CHRTYPE, devmajor=1, devminor=5))),
        ("block device", beside(entry("x", type=tarfile.BLKTYPE))),
        ("file with holes", after(claims("x", 0, tarfile.GNUTYPE_SPARSE))),
        ("unknown kind", after(claims("x", 0, b"Z"))),
    ],
    "sizes": [
        ("8 GiB claimed", after(claims("x", 8 << 30))),
        ("8 EiB claimed", after(claims("x", 1 << 63))),
        ("a negative size", after(claims("x", -512))),
        ("a name of 1 GiB", after(claims("x", 1 << 30, tarfile.GNUTYPE_LONGNAME))),
        ("a link name of 1 GiB", after(claims("x", 1 << 30, tarfile.GNUTYPE_LONGLINK))),
        ("a second header of 1 GiB", after(claims("x", 1 << 30, tarfile.XHDTYPE))),
        ("a header for all of 1 GiB", after(claims("x", 1 << 30, tarfile.XGLTYPE))),
        ("a second header of 1 GiB, Solaris", after(claims("x", 1 << 30, tarfile.SOLARIS_XHDTYPE))),
        ("a second size of 1 GiB", pax(size=str(1 << 30))),
        ("a second size of 8 EiB", pax(size=str(1 << 63))),
        ("a second size of -1", pax(size="-1")),
        ("holes of 1 GiB", pax(GNU_sparse_size=str(1 << 30), GNU_sparse_map="0,1")),
        ("holes of 1 TiB", pax(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_realsize=str(1 << 40))),
        ("a file of 65 MiB", beside(entry("x", bytes(65 << 20)))),
        ("a packed file of 65 MiB", lambda files: gzip.compress(beside(entry("x", bytes(65 << 20)))(files), 1)),
        ("1 GiB of zeros behind it", lambda files: gzip.compress(beside()(files)) + zeros(1024)),
        (
            "1 GiB in files",
            lambda files: gzip.compress(b"".join(claims(f"x{n}", 60 << 20) for n in range(2))) + zeros(1024),
        ),
        ("10,000 files", beside(*(entry(f"x{n}") for n in range(10_000)))),
        ("10,000 folders", beside(*(entry(f"x{n}", type=tarfile.DIRTYPE) for n in range(10_000)))),
    ],
    "what is missing or there twice": [
        *(
            (f"no {name}", lambda files, name=name: beside()({k: v for k, v in files.items() if k != name}))
            for name in NAMES
        ),
        ("nothing", lambda _: b""),
        ("an empty tar", lambda _: bytes(10_240)),
        ("an empty gzip", lambda _: gzip.compress(b"")),
        ("data_batch_1 twice", beside(entry("cifar-10-batches-py/data_batch_1", b"x"))),
        ("test_batch twice, elsewhere", beside(entry("./test_batch", b"x"))),
        ("batches.meta twice", lambda files: beside(entry("batches.meta", files["batches.meta"]))(files)),
        ("one folder too deep", lambda files: beside()({f"deeper/{name}": data for name, data in files.items()})),
    ],
    "damage": [
        ("text", lambda _: b"<html>404 Not Found</html>" * 100),
        ("a zip", lambda _: b"PK\x03\x04" + bytes(1000)),
        ("half of a tar", lambda files: beside()(files)[:20_000]),
        ("half of a gzip", lambda files: gzip.compress(beside()(files))[:-5_000]),
        ("a gzip without its end", lambda files: gzip.compress(beside()(files))[:-4]),
        ("a wrong checksum", lambda files: gzip.compress(beside()(files))[:-8] + bytes(8)),
        ("a gzip in a gzip", lambda files: gzip.compress(gzip.compress(beside()(files)))),
        ("zeros behind a gzip header", lambda _: b"\x1f\x8b\x08" + bytes(1000)),
        ("noise", lambda _: random.Random(1).randbytes(5_000)),
        ("a broken header", lambda files: beside()(files)[: 3 * 512] + b"\xff" * 512 + beside()(files)[4 * 512 :]),
    ],
}
ALL = [pytest.param(make, id=f"{kind}: {name}") for kind, cases in CASES.items() for name, make in cases]


@pytest.mark.parametrize("make", ALL)
def test_a_hostile_archive_ends_in_a_sentence(make: Callable[[Files], bytes], files: Files, tmp_path: Path) -> None:
    path = tmp_path / "down" / "here" / "c.tar"
    path.parent.mkdir(parents=True)
    path.write_bytes(make(files))
    before = sorted(tmp_path.rglob("*"))
    start = time.process_time()
    with pytest.raises(ContractBroken) as error:
        read(path)
    assert str(path) in str(error.value) or "in the tar" in str(error.value)
    assert time.process_time() - start < 5
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("name", "make"), CASES["sizes"], ids=[name for name, _ in CASES["sizes"]])
def test_a_large_claim_takes_no_memory(name: str, make: Callable[[Files], bytes], files: Files, tmp_path: Path) -> None:
    path = tmp_path / "c.tar"
    path.write_bytes(make(files))
    tracemalloc.start()
    try:
        with suppress(ContractBroken):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 80 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize("folder", ["", "./", "cifar-10-batches-py/", "./cifar-10-batches-py/"])
def test_an_honest_archive_is_read(files: Files, tmp_path: Path, form: int, mode: str, folder: str) -> None:
    more = [entry("cifar-10-batches-py", type=tarfile.DIRTYPE, mode=0o755), entry(folder + "readme.html", b"<p>")]
    more.append(entry(folder + "._data_batch_1", b"what some systems add"))
    path = tar(tmp_path / "c.tar", [*more, *entries(files, folder)], mode, form)
    batches.check(path)
    assert [batch.name for batch in batches.read(path)] == [name for name in files if name != batches.META]
    assert [batch.name for batch in batches.read(path, include_test=False)] == [n for n in files if n in batches.TRAIN]


def test_folder_and_tar_hold_the_same_whatever_the_order(files: Files, tmp_path: Path) -> None:
    folder = sample.write_cifar10(tmp_path / "f", per_batch=2)
    backwards = tar(tmp_path / "c.tar.gz", entries(files)[::-1])
    found = [{b.name: (b.stamp, b.labels, b.rows.tobytes()) for b in batches.read(p)} for p in (folder, backwards)]
    assert found[0] == found[1]
    assert len(found[0]) == 6


def test_a_pickle_in_a_tar_does_not_run(files: Files, tmp_path: Path) -> None:
    marker = tmp_path / "canary"
    for name in NAMES:
        path = tar(tmp_path / "c.tar.gz", entries(files | {name: proto(system(marker))}))
        with pytest.raises(
            ContractBroken, match=f"{name} in .*c.tar.gz is not a batch of CIFAR-10: it names 'os.system'"
        ):
            read(path)
    assert not marker.exists()


def test_what_cannot_be_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="there is no folder or file"):
        read(tmp_path / "nowhere")
    with pytest.raises(ContractBroken, match=r"holds batches\.meta not at all"):
        read(tmp_path)


def test_links_in_a_folder_are_not_followed(files: Files, tmp_path: Path) -> None:
    outside = sample.write_cifar10(tmp_path / "outside", per_batch=1)
    folder = sample.write_cifar10(tmp_path / "inside", per_batch=1)
    read(folder)
    (folder / "data_batch_1").unlink()
    (folder / "data_batch_1").symlink_to(outside / "data_batch_1")
    with pytest.raises(ContractBroken, match="is a link; links are never followed"):
        read(folder)
    (tmp_path / "around").mkdir()
    (tmp_path / "around" / "cifar-10-batches-py").symlink_to(outside)
    with pytest.raises(ContractBroken, match="is a link"):
        read(tmp_path / "around")


def test_a_large_file_in_a_folder_is_not_read_to_its_end(tmp_path: Path) -> None:
    folder = sample.write_cifar10(tmp_path / "c", per_batch=1)
    with (folder / "data_batch_2").open("r+b") as file:
        file.truncate(1 << 40)  # a sparse terabyte
    with pytest.raises(ContractBroken, match="data_batch_2 has more than 64 MiB"):
        read(folder)


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_brings_anything_but_a_sentence(files: Files, tmp_path: Path, seed: int) -> None:
    """150 mutants a seed; headers take most of the hits."""
    draw = random.Random(seed)
    data = beside()({name: content[:600] for name, content in files.items()})
    whole = gzip.compress(data) if seed % 2 else data
    path = tmp_path / "mutant.tar"
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 2, 8))):
            damaged[draw.randrange(len(whole))] = draw.choice((0, 0x20, 0x30, 0x37, 0x80, 0xFF, draw.randrange(256)))
        path.write_bytes(damaged)
        with suppress(TesseraError):
            for _, content in batches.files(path):
                content()
