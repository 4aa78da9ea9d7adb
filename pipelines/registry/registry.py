"""The registry: versions resolved once and pinned, their files fetched once and checked, new ones logged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from pipelines.lake.errors import CannotRun, ContractBroken
from pipelines.registry import folders, notes, vendor
from pipelines.registry.manifest import TWIN, Manifest
from pipelines.registry.spec import ModelSpec

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as Entry

CHAMPION = "champion"
_DIGEST = "tessera.digest"
_REFERENCE = re.compile(r"(?P<name>[^/@:]+)(?:@(?P<alias>[\w.-]+)|/(?P<version>[0-9]{1,9}))?")


class NoModel(CannotRun):
    """Nobody has put any version of the model into service yet."""


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model, pinned: `digest` is of its files, so it can never mean others."""

    name: str
    version: int
    run_id: str  # empty where it was logged outside a run
    digest: str
    spec: ModelSpec

    @property
    def title(self) -> str:
        return f"{self.name}/{self.version}"

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes back."""
        return {**asdict(self), "spec": self.spec.as_dict()}

    @staticmethod
    def from_dict(held: Mapping[str, Any]) -> ModelVersion:
        """Return the version that was noted. Raises NoModel when it was noted that there is none."""
        if "absent" in held:
            raise NoModel(held["absent"])
        return ModelVersion(**{**held, "spec": ModelSpec.from_dict(held["spec"])})


@dataclass(frozen=True)
class Registry:
    """An MLflow registry and the cache of its models on this machine.

    `uri` is MLflow's own address; `artifacts` the folder where a local registry keeps its files. Picklable: a worker
    elsewhere fetches for itself.
    """

    uri: str
    artifacts: str
    cache: Path

    def resolve(self, reference: str) -> ModelVersion:
        """Return what `name@alias`, `name/3`, or `name` (its champion) stands for now.

        Raises CannotRun where there is no such version or Tessera cannot serve it, ContractBroken where its files are
        not those that were logged, NoModel where nobody has registered any version of it.
        """
        now = notes.state(self.uri)
        if noted := notes.recall(self.cache, now, reference):
            return ModelVersion.from_dict(noted)
        try:
            found = self._resolve(reference).as_dict()
        except NoModel as error:
            found = {"absent": str(error)}
        notes.note(self.cache, now, reference, found)
        return ModelVersion.from_dict(found)

    def _resolve(self, reference: str) -> ModelVersion:
        client = self._client()
        entry = self._entry(client, reference)
        digest, folder = self._checked(client, entry)
        title = f"{entry.name}/{entry.version}"
        spec = Manifest.read(folder, title).spec
        return ModelVersion(str(entry.name), int(entry.version), str(entry.run_id or ""), digest, spec)

    def fetch(self, model: ModelVersion) -> Path:
        """Return a folder with a version's files, downloaded where they are not. Raises CannotRun, ContractBroken."""
        if held := folders.cached(self.cache, model.digest):
            return held
        client = self._client()
        digest, folder = self._checked(client, self._entry(client, model.title))
        return folder if digest == model.digest else self._changed(model.title)

    def versions(self, name: str) -> dict[int, dict[str, str]]:
        """Return the tags of each version of a model by its number; none where there is no such model."""
        with vendor.plainly(self.uri):
            found = self._client().search_model_versions(f"name = '{_plain(name)}'")
            return {
                int(entry.version): dict(entry.tags) for entry in sorted(found, key=lambda entry: int(entry.version))
            }

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Let an alias point at a version from now on. Raises CannotRun where there is no such version."""
        client = self._client()
        self._entry(client, f"{name}/{version}")
        with vendor.plainly(self.uri):
            client.set_registered_model_alias(name, alias, str(version))

    def log_onnx(
        self,
        name: str,
        model: bytes | Path,
        spec: ModelSpec,
        *,
        twin: bytes | None = None,
        tags: Mapping[str, str] | None = None,
        card: str = "",
    ) -> ModelVersion:
        """Register a new version of a model from an ONNX file, with its `twin` (a pt2 program) for torch.

        `card` is Markdown that people read beside the version. Raises CannotRun, ContractBroken.
        """
        client = self._client()
        with vendor.plainly(self.uri):
            version = self._log(client, _plain(name), model, spec, twin)
            if card:
                client.update_model_version(name, version, card)
            for key, value in (tags or {}).items():
                client.set_model_version_tag(name, version, key, value)
        return self.resolve(f"{name}/{version}")

    def _log(self, client: MlflowClient, name: str, model: bytes | Path, spec: ModelSpec, twin: bytes | None) -> str:
        """Log a network in a run of its own; return the number of its version."""
        module, network = vendor.mlflow(), _parsed(name, model)
        experiment = vendor.experiment(client, self.uri, self.artifacts)
        with TemporaryDirectory() as aside, module.start_run(experiment_id=experiment, run_name=name):
            extra = Path(aside, TWIN)
            extra.write_bytes(twin or b"")
            logged = module.onnx.log_model(
                network,
                name=name,
                registered_model_name=name,
                signature=signature(spec),
                metadata={"tessera": spec.as_dict()},
                extra_files=[str(extra)] if twin else None,
                pip_requirements=["onnxruntime"],
                save_as_external_data=False,
            )
        return str(logged.registered_model_version)

    def _client(self) -> MlflowClient:
        return vendor.client(self.uri, self.artifacts)

    def _entry(self, client: MlflowClient, reference: str) -> Entry:
        from mlflow.exceptions import MlflowException

        asked = _REFERENCE.fullmatch(reference)
        if asked is None:
            raise CannotRun(f"{reference!r:.100} names no model: write name@alias, name/version, or name.")
        name, version = asked["name"], asked["version"]
        try:
            if version:
                return client.get_model_version(name, version)
            return client.get_model_version_by_alias(name, asked["alias"] or CHAMPION)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                with vendor.plainly(self.uri):
                    raise
            raise self._absent(client, name, reference) from error

    def _absent(self, client: MlflowClient, name: str, reference: str) -> CannotRun:
        """Return what says what there is instead of a model, version or alias that is not there."""
        with vendor.plainly(self.uri):
            models = {str(model.name): model for model in client.search_registered_models(max_results=1_000)}
        where = vendor.shown(self.uri)
        is_new = name not in models or not models[name].aliases
        kind = NoModel if is_new and reference in (name, f"{name}@{CHAMPION}") else CannotRun
        if name not in models:
            known = ", ".join(sorted(models)) or "none at all"
            return kind(
                f"there is no model {name} in the registry {where}; it holds {known}. Register it, or name another."
            )
        aliases = ", ".join(f"{alias} (version {version})" for alias, version in sorted(models[name].aliases.items()))
        versions = ", ".join(map(str, self.versions(name))) or "none"
        return kind(
            f"the model {name} has no {reference.removeprefix(name) or '@' + CHAMPION} in the registry {where}. "
            f"Its aliases: {aliases or 'none'}; its versions: {versions}. Set the alias, or name another."
        )

    def _checked(self, client: MlflowClient, entry: Entry) -> tuple[str, Path]:
        """Return the digest of a version's files and the folder that holds them, as they were when first seen."""
        stated, title = dict(entry.tags).get(_DIGEST), f"{entry.name}/{entry.version}"
        if stated and (held := folders.cached(self.cache, stated)):
            return stated, held
        with vendor.plainly(self.uri):
            source = client.get_model_version_download_uri(entry.name, entry.version)
            digest, folder = folders.keep(
                self.cache, lambda into: vendor.download(source, self.uri, self.artifacts, into)
            )
            if not stated:  # logged by plain MLflow: its files are pinned from the first look on
                client.set_model_version_tag(entry.name, entry.version, _DIGEST, digest)
        return (digest, folder) if stated in {None, digest} else self._changed(title)

    def _changed(self, title: str) -> NoReturn:
        raise ContractBroken(
            f"the files of {title} in the registry {vendor.shown(self.uri)} are not those that were logged: their "
            "checksum has changed. Nothing was loaded. Restore them, or register the model anew and move the alias."
        )


def _parsed(name: str, model: bytes | Path) -> Any:
    import onnx

    try:
        network = onnx.load_model_from_string(model) if isinstance(model, bytes) else onnx.load_model(str(model))
        onnx.checker.check_model(network)
    except Exception as error:  # protobuf has its own kinds, by its version
        raise CannotRun(f"what was given for {name} is no ONNX file: {error!s:.200}") from error
    return network


def signature(spec: ModelSpec) -> Any:
    """Return MLflow's signature of a model that keeps `spec`."""
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shown = spec.preprocessing
    pixels = TensorSpec(np.dtype(np.uint8), (-1, shown.height, shown.width, 3))
    outputs = [TensorSpec(np.dtype(np.float32), (-1, width), name) for name, width in spec.widths.items()]
    return ModelSignature(Schema([pixels]), Schema([*outputs]))


def _plain(name: str) -> str:
    """Return a model's name if it is one. Raises CannotRun."""
    if not re.fullmatch(r"[\w. -]{1,200}", name):
        raise CannotRun(f"{name!r:.100} is no name for a model: use letters, digits, dots, dashes and spaces.")
    return name
