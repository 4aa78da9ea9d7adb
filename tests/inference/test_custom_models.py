"""Models of others: registered with plain MLflow, served by moving an alias, and never unpickled."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest

from pipelines.imaging import decode
from pipelines.inference.backends import load
from pipelines.lake.errors import CannotRun
from pipelines.registry import Registry
from tests.registry.networks import (
    COLOURS,
    SPEC,
    flat,
    log,
    log_mobilenet,
    noise,
    onnx_network,
    signature,
    torch_network,
    torch_program,
)

PHOTOS = ("coffee.png", "chelsea.png")


def served(registry: Registry, reference: str, pictures: np.ndarray[Any, Any]) -> dict[str, Any]:
    version = registry.resolve(reference)
    return load(registry.fetch(version), version.spec, "cpu", version.title).predict(pictures)


@pytest.mark.parametrize("kind", ["onnx", "torch", "keras", "pyfunc"])
def test_moving_the_alias_changes_what_serves(registry: Registry, name: str, tmp_path: Path, kind: str) -> None:
    client, red = mlflow.MlflowClient(), flat(200, 40, 10)
    for shift in (0, 1):
        client.set_registered_model_alias(name, "champion", str(log(kind, name, shift, tmp_path)))
        seen = served(registry, f"{name}@champion", red)["colour"][0]
        assert COLOURS[int(seen.argmax())] == COLOURS[shift]
        assert seen.sum() == pytest.approx(1, abs=1e-5)
    client.set_registered_model_alias(name, "champion", "1")
    assert served(registry, f"{name}@champion", red)["colour"][0].argmax() == 0


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of photos that scikit-image brings along; it need not be imported to read them."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        pytest.skip("scikit-image is not installed: it brings the photos that this test knows the answers to")
    return Path(found.origin).parent / "data"


def test_a_real_mobilenet_from_elsewhere_knows_an_espresso_and_a_cat(
    registry: Registry,
    real_data: Path,
    photos: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    log_mobilenet(real_data / "imagenet-tflite", "mobilenet_v2_1.0_224_quant", 224, tmp_path)
    capfd.readouterr()
    version = registry.resolve("generic-tags@champion")
    shown = version.spec.preprocessing
    pictures = np.stack([shown.apply(decode((photos / title).read_bytes()).pixels) for title in PHOTOS])
    scores = load(registry.fetch(version), version.spec, "cpu", version.title).predict(pictures)["tags"]
    best = [version.spec.labels("tags")[int(row.argmax())] for row in scores]
    assert best == ["espresso", "Egyptian cat"]
    assert (scores.max(axis=1) > 0.7).all()
    assert capfd.readouterr().out == ""  # the last line of stdout is for machines


class Canary:
    """Writes a marker when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)

    def predict(self, *_: Any) -> Any:
        return np.zeros((1, 3), np.float32)


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "fired")


def _pickled_function(canary: Canary) -> None:
    class Function(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
        held = canary

        def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
            return model_input

    mlflow.pyfunc.log_model(name="model", python_model=Function(), **_common(canary))


def _pickled_sklearn(canary: Canary) -> None:
    from sklearn.dummy import DummyClassifier

    estimator = DummyClassifier().fit([[0]], [0])
    estimator.canary = canary
    mlflow.sklearn.log_model(estimator, name="model", serialization_format="cloudpickle", **_common(canary))


def _pickled_torch(canary: Canary) -> None:
    network = torch_network()
    network.canary = canary
    mlflow.pytorch.log_model(network, name="model", serialization_format="pickle", **_common(canary))


def _common(canary: Canary) -> dict[str, Any]:
    return {
        "signature": signature(),
        "metadata": {"tessera": SPEC.as_dict()},
        "registered_model_name": canary.name,  # type: ignore[attr-defined]
        "pip_requirements": ["numpy"],
    }


@pytest.mark.parametrize("log_pickle", [_pickled_function, _pickled_sklearn, _pickled_torch])
def test_pickled_models_are_refused_unopened(
    registry: Registry, name: str, canary: Canary, log_pickle: Callable[[Canary], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "True")  # MLflow's own guard stays out of it
    canary.name = name  # type: ignore[attr-defined]
    log_pickle(canary)
    canary.marker.unlink(missing_ok=True)  # MLflow may unpickle what it has just written
    with pytest.raises(CannotRun, match=f"{name}/1 cannot be served: .*never loaded. Log it as ONNX"):
        registry.resolve(f"{name}/1")
    assert not canary.marker.exists()


def _program(folder: Path, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """Return a good torch program with its members changed."""
    with zipfile.ZipFile(io.BytesIO(torch_program())) as given:
        members = {name: given.read(name) for name in given.namelist()}
    change(members)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as anew:
        for name, data in members.items():
            anew.writestr(name, data)
    return sink.getvalue()


def _replaced(members: dict[str, bytes], ending: str, old: bytes, new: bytes) -> None:
    (found,) = [name for name in members if name.endswith(ending)]
    assert old in members[found]
    members[found] = members[found].replace(old, new)


def _poisons(marker: Path) -> dict[str, Callable[[dict[str, bytes]], None]]:
    import pickle

    import torch

    touch = f"__import__('pathlib').Path('{marker}').touch()".encode()
    gadget, saved = pickle.dumps(Canary(marker)), io.BytesIO()
    torch.save((Canary(marker),), saved)

    def sample(members: dict[str, bytes]) -> None:
        (name,) = [name for name in members if "sample_inputs" in name]
        members[name] = saved.getvalue()

    def opaque(members: dict[str, bytes]) -> None:
        members[next(iter(members)).split("/")[0] + "/data/constants/opaque_obj_0"] = gadget
        config = b'{"config": {"x": {"path_name": "opaque_obj_0", "is_param": false, "use_pickle": true}}}'
        members[next(name for name in members if name.endswith("constants_config.json"))] = config

    return {
        "sample": sample,
        "opaque": opaque,
        "size": lambda members: _replaced(
            members, "model.json", b"Symbol('s", b"(" + touch.replace(b"'", b"\\u0027") + b"), Symbol('s"
        ),
        "call": lambda members: _replaced(members, "model.json", b"torch.ops.aten.softmax.int", b"torch.os.system"),
        "guard": lambda members: _replaced(
            members, "model.json", b'"guards_code": []', b'"guards_code": ["' + touch.replace(b"'", b"\\u0027") + b'"]'
        ),
        "library": lambda members: members.update({"model/data/aotinductor/model/x.so": b"\x7fELF"}),
    }


@pytest.mark.parametrize("poison", ["sample", "opaque", "size", "call", "guard", "library"])
@pytest.mark.parametrize("as_twin", [False, True])
def test_poisoned_torch_programs_do_nothing(
    registry: Registry, name: str, tmp_path: Path, poison: str, as_twin: bool
) -> None:
    from pipelines.inference.backends import program

    marker = tmp_path / "fired"
    folder = registry.fetch(registry.log_onnx(name, onnx_network().SerializeToString(), SPEC))
    path = folder / ("network.pt2" if as_twin else "model.pt2")
    path.write_bytes(_program(folder, _poisons(marker)[poison]))
    if poison == "sample":  # what was kept of it is not unpickled
        with pytest.raises(CannotRun, match="no program that torch can load"):
            program.opened(path, name)
    else:
        with pytest.raises(CannotRun, match=f"{name} is not loaded: its torch program (calls|holds|computes|carries)"):
            program.opened(path, name)
    assert not marker.exists()


@pytest.mark.parametrize("poison", ["sample", "size"])
def test_torch_itself_runs_such_programs(tmp_path: Path, poison: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two cases above are real ones: plain `torch.export.load` fires the canary."""
    import torch

    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    marker = tmp_path / "fired"
    with contextlib.suppress(Exception):
        torch.export.load(io.BytesIO(_program(tmp_path, _poisons(marker)[poison])))
    assert marker.exists()


def test_a_keras_file_with_python_in_it_is_refused(registry: Registry, name: str, tmp_path: Path) -> None:
    import keras

    pixels = keras.Input((16, 12, 3))
    means = keras.layers.GlobalAveragePooling2D()(pixels)
    model = keras.Model(pixels, keras.layers.Lambda(lambda values: values / 255)(means))
    mlflow.keras.log_model(
        model,
        name="model",
        registered_model_name=name,
        signature=signature(np.float32, embedding=False),
        metadata={"tags": list(COLOURS)},
        pip_requirements=["keras"],
    )
    with pytest.raises(CannotRun, match=f"{name}/1 is no model that Keras can load safely"):
        served(registry, f"{name}/1", noise(1))


def test_a_function_that_fails_is_named(registry: Registry, name: str, tmp_path: Path) -> None:
    version = log("pyfunc", name, 0, tmp_path)
    folder = registry.fetch(registry.resolve(f"{name}/{version}"))
    (folder / "colours_0.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(CannotRun, match=f"{name}/1 cannot be loaded: .*no_such_module_anywhere"):
        load(folder, SPEC, "cpu", f"{name}/1")
