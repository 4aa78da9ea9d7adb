"""The registry: versions are pinned, files are checked, aliases move, and errors say what there is."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest

from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.registry import Manifest, ModelVersion, Registry, vendor
from tests.registry.networks import COLOURS, SPEC, onnx_network, signature, torch_program


@pytest.fixture
def colours(registry: Registry, name: str) -> ModelVersion:
    return registry.log_onnx(name, onnx_network().SerializeToString(), SPEC, tags={"data": "7"}, card="# Colours")


def test_a_logged_model_comes_back_as_it_was(registry: Registry, name: str, colours: ModelVersion) -> None:
    assert (colours.name, colours.version, colours.title, colours.spec) == (name, 1, f"{name}/1", SPEC)
    assert len(colours.digest) == 64
    assert colours.run_id
    assert registry.versions(name)[1]["data"] == "7"
    assert mlflow.MlflowClient().get_model_version(name, "1").description == "# Colours"
    assert (registry.fetch(colours) / "model.onnx").is_file()
    assert registry.resolve(f"{name}/1") == colours
    assert pickle.loads(pickle.dumps((registry, colours))) == (registry, colours)


def test_its_artefacts_lie_where_the_server_of_make_up_keeps_them(registry: Registry, colours: ModelVersion) -> None:
    client = mlflow.MlflowClient()
    assert client.get_model_version_download_uri(colours.name, "1").startswith(registry.artifacts)
    assert str(client.get_experiment("0").artifact_location).startswith(registry.artifacts)  # of plain MLflow too


def test_what_was_logged_through_a_server_is_found_without_it(registry: Registry, tmp_path: Path) -> None:
    kept = Path(registry.artifacts, "7", "models", "m", "artifacts")
    kept.mkdir(parents=True)
    (kept / "MLmodel").write_text("flavors: {}")
    for source in ("mlflow-artifacts:/7/models/m/artifacts", "mlflow-artifacts:7/models/m/artifacts"):
        found = vendor.download(source, registry.uri, registry.artifacts, tmp_path / "into")
        assert [path.name for path in found.iterdir()] == ["MLmodel"]
    with pytest.raises(CannotRun, match="outside"):
        vendor.download("mlflow-artifacts:/../../etc", registry.uri, registry.artifacts, tmp_path / "into")


def test_an_alias_is_resolved_once(registry: Registry, name: str, colours: ModelVersion) -> None:
    registry.set_alias(name, "champion", 1)
    assert registry.resolve(f"{name}@champion") == registry.resolve(name) == colours
    second = registry.log_onnx(name, onnx_network(1).SerializeToString(), SPEC)
    registry.set_alias(name, "champion", 2)
    assert registry.resolve(name) == second
    assert second.digest != colours.digest
    assert registry.fetch(colours) != registry.fetch(second)  # what was pinned stays what it was


def test_a_second_fetch_downloads_nothing(registry: Registry, colours: ModelVersion) -> None:
    folder = registry.fetch(colours)
    elsewhere = Registry("sqlite:////nowhere/at/all.db", "/nowhere", registry.cache)
    assert elsewhere.fetch(colours) == folder


def test_another_machine_fetches_for_itself(registry: Registry, colours: ModelVersion, tmp_path: Path) -> None:
    there = Registry(registry.uri, registry.artifacts, tmp_path / "there")
    assert there.fetch(colours) == tmp_path / "there" / colours.digest
    assert [path.name for path in (tmp_path / "there").iterdir()] == [colours.digest]  # nothing half done is left


def test_a_spoiled_cache_mends_itself(registry: Registry, colours: ModelVersion) -> None:
    network = registry.fetch(colours) / "model.onnx"
    whole = network.read_bytes()
    network.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert (registry.fetch(colours) / "model.onnx").read_bytes() == whole


@pytest.mark.parametrize("change", ["flip", "add", "remove", "rename"])
def test_a_file_that_changed_in_the_registry_is_never_used(
    registry: Registry, colours: ModelVersion, change: str, name: str
) -> None:
    folder = Path(mlflow.MlflowClient().get_model_version_download_uri(name, "1"))
    network = folder / "model.onnx"
    if change == "flip":
        data = bytearray(network.read_bytes())
        data[len(data) // 2] ^= 1
        network.write_bytes(data)
    elif change == "add":
        (folder / "network.pt2").write_bytes(b"a twin that nobody logged")
    elif change == "remove":
        (folder / "requirements.txt").unlink()
    else:
        (folder / "requirements.txt").rename(folder / "requirement.txt")
    shutil.rmtree(registry.cache)
    for ask in (lambda: registry.resolve(f"{name}/1"), lambda: registry.fetch(colours)):
        with pytest.raises(ContractBroken, match=f"files of {name}/1 .* are not those that were logged"):
            ask()


def test_a_link_among_fetched_files_is_not_followed(registry: Registry, colours: ModelVersion, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a secret")
    (registry.fetch(colours) / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ContractBroken, match="holds a link, link"):
        registry.fetch(colours)


def test_what_is_not_there_is_said_beside_what_is(registry: Registry, name: str, colours: ModelVersion) -> None:
    registry.set_alias(name, "challenger", 1)
    for reference, says in (
        (f"{name}@champion", "has no @champion"),
        (name, "has no @champion"),
        (f"{name}/7", "has no /7"),
    ):
        with pytest.raises(CannotRun, match=says) as raised:
            registry.resolve(reference)
        assert "challenger (version 1); its versions: 1" in str(raised.value)
    with pytest.raises(CannotRun, match=rf"no model absent .*holds .*{name}"):
        registry.resolve("absent@champion")
    with pytest.raises(CannotRun, match="has no /9"):
        registry.set_alias(name, "champion", 9)


@pytest.mark.parametrize("reference", ["", "@", "a/b/c", "a@", "a/-1", "a b@c d", "models:/a/1", "a/1\n", "../x"])
def test_references_that_name_no_model(registry: Registry, reference: str) -> None:
    with pytest.raises(CannotRun):
        registry.resolve(reference)


@pytest.mark.parametrize("bad", ["", "a'b", "a/b", "a\n", "x" * 300])
def test_names_that_are_none(registry: Registry, bad: str) -> None:
    with pytest.raises(CannotRun, match="no name for a model"):
        registry.log_onnx(bad, b"", SPEC)
    with pytest.raises(CannotRun, match="no name for a model"):
        registry.versions(bad)


@pytest.mark.parametrize("data", [b"\xff\xfe not one", b""])
def test_what_is_no_onnx_is_not_logged(registry: Registry, name: str, data: bytes) -> None:
    with pytest.raises(CannotRun, match="no ONNX file"):
        registry.log_onnx(name, data, SPEC)
    assert registry.versions(name) == {}


def test_the_twin_is_kept_beside_the_network(registry: Registry, name: str) -> None:
    twin = torch_program()
    version = registry.log_onnx(name, onnx_network().SerializeToString(), SPEC, twin=twin)
    folder = registry.fetch(version)
    manifest = Manifest.read(folder, name)
    assert manifest.kind == "onnx"
    assert manifest.twin is not None
    assert (folder / manifest.twin).read_bytes() == twin


def test_a_password_in_the_address_is_not_said(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry("http://someone:hunter2@127.0.0.1:9/", "", Path("unused"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(CannotRun, match="did not do what was asked") as raised:
        registry.versions("fashion")
    assert "hunter2" not in str(raised.value)


def test_two_processes_make_the_store_at_once_and_keep_stdout_clean(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.registry import Registry; home = Path(sys.argv[1]);"
        "print(Registry(f'sqlite:///{home}/new/mlflow.db', f'{home}/art', home / 'c').versions('x'))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out, err) == (0, "{}\n", "")


def test_a_worker_with_a_cached_onnx_model_imports_neither_mlflow_nor_torch(
    registry: Registry, colours: ModelVersion, tmp_path: Path
) -> None:
    (tmp_path / "given").write_bytes(pickle.dumps((registry, colours)))
    code = (
        "import pickle, sys; from pathlib import Path; import numpy as np;"
        "from pipelines.inference.backends import load;"
        "registry, version = pickle.loads(Path(sys.argv[1]).read_bytes());"
        "model = load(registry.fetch(version), version.spec, 'cpu', version.title);"
        "print(model.predict(np.zeros((1, 16, 12, 3), np.uint8))['colour'].shape, {'mlflow', 'torch'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "given")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == "(1, 3) set()\n"


def test_class_names_in_the_metadata_are_enough_for_one_group(registry: Registry, name: str) -> None:
    mlflow.onnx.log_model(
        onnx_network(),
        name="model",
        registered_model_name=name,
        signature=signature(embedding=False),
        metadata={"tags": list(COLOURS)},
        pip_requirements=[],
    )
    spec = registry.resolve(f"{name}/1").spec
    assert spec.outputs == (("colour", COLOURS),)
    assert (spec.preprocessing.width, spec.preprocessing.height, spec.preprocessing.fit) == (12, 16, "stretch")


@pytest.mark.parametrize(
    ("given", "metadata", "says"),
    [
        (None, {"tessera": SPEC.as_dict()}, "uint8.*signature says no signature"),
        (signature(np.int64), {"tessera": SPEC.as_dict()}, r"says int64 \(-1, 16, 12, 3\)"),
        (signature(channels=1), {"tessera": SPEC.as_dict()}, r"says uint8 \(-1, 16, 12, 1\)"),
        (signature(), None, "metadata={'tessera'"),
        (signature(), {"tags": ["red", "green", "blue"]}, "metadata={'tessera'"),  # which of two outputs?
        (signature(embedding=False), {"tags": ["red", "green"]}, r"colour is shaped \(-1, 3\).*\(-1, 2\)"),
        (signature(embedding=False), {"tessera": SPEC.as_dict()}, "no output embedding"),
        (
            signature(),
            {"tessera": SPEC.as_dict() | {"preprocessing": {"width": 16, "height": 12}}},
            "takes 12 x 16 pixels, its metadata says 16 x 12",
        ),
        (signature(), {"tessera": SPEC.as_dict() | {"size": 3}}, "unknown keys: size"),
    ],
)
def test_what_cannot_be_served_says_why(
    registry: Registry, name: str, given: object, metadata: dict[str, object] | None, says: str
) -> None:
    mlflow.onnx.log_model(
        onnx_network(),
        name="model",
        registered_model_name=name,
        signature=given,
        metadata=metadata,
        pip_requirements=[],
    )
    with pytest.raises(CannotRun, match=f"{name}/1 cannot be served: .*{says}"):
        registry.resolve(f"{name}/1")
