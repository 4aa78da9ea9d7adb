"""Settings: where things are. What is computed is said by the parameters beside each algorithm, never here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.lake.objects import is_remote


class Settings(BaseSettings):
    """Read from the environment (`TESSERA_…`) once, at the start of a command. Addresses are folders or `s3://…`."""

    model_config = SettingsConfigDict(env_prefix="TESSERA_", frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Everything below that is not placed elsewhere.")] = Path(".tessera")
    lake: Annotated[str, Field(description="Address of the lake; empty: HOME/lake.")] = ""
    releases: Annotated[str, Field(description="Address of the releases; empty: HOME/releases.")] = ""
    dask_scheduler: Annotated[
        str, Field(description="local, processes, threads, or the address of a Dask scheduler.")
    ] = "local"
    bundles: Annotated[str, Field(description="Address of the selection bundles; empty: HOME.")] = ""
    sources: Annotated[
        str,
        Field(description="What a night takes in, e.g. fashion,cifar10; empty: the inbox and all whose place is said."),
    ] = ""
    fashion: Annotated[str, Field(description="Folder or zip of the fashion catalogue, or kaggle to download it.")] = ""
    fashion_photos: Annotated[str, Field(description="Folder or zip of its large photos, if apart.")] = ""
    fashion_details: Annotated[str, Field(description="Folder or zip of its styles/<id>.json, if apart.")] = ""
    cifar10: Annotated[str, Field(description="Folder or tar.gz of CIFAR-10, or download.")] = ""
    bechdel: Annotated[str, Field(description="Folder or file of Bechdel ratings, or kaggle to download them.")] = ""
    tmdb_token: Annotated[SecretStr | None, Field(description="TMDB's read token; with it films are taken in.")] = None
    tmdb_api: Annotated[str, Field(description="Address of TMDB's API, or of a server that answers like it.")] = (
        "https://api.themoviedb.org"
    )
    mlflow_uri: Annotated[
        str, Field(description="Address of MLflow, which keeps the models; empty: sqlite:///HOME/mlflow.db.")
    ] = ""
    tag_weights: Annotated[
        str, Field(description="File of Keras' EfficientNet-B0 for ImageNet, or none; empty: downloaded on first use.")
    ] = ""
    device: Annotated[
        Literal["auto", "cpu", "cuda"], Field(description="Where models run; auto: on a GPU where there is one.")
    ] = "auto"

    @property
    def root(self) -> Path:
        """HOME as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The sources of a night, in their order: those that were named, else the inbox and all that can be had."""
        if self.sources:
            return tuple(name.strip() for name in self.sources.split(",") if name.strip())
        places = {"fashion": self.fashion, "cifar10": self.cifar10, "bechdel": self.bechdel, "tmdb": self.tmdb_token}
        found = tuple(name for name, place in places.items() if place)
        return (*(found or ("sample",)), "inbox")

    @property
    def lake_uri(self) -> str:
        return self._address(self.lake, "lake")

    @property
    def releases_uri(self) -> str:
        return self._address(self.releases, "releases")

    @property
    def bundles_uri(self) -> str:
        return self._address(self.bundles, "")

    @property
    def registry_uri(self) -> str:
        return self.mlflow_uri or f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def registry_artifacts(self) -> str:
        """Where a registry without a server keeps its files; `make up` shows the same ones."""
        return str(self.root / "mlartifacts")

    @property
    def model_cache(self) -> Path:
        """A local folder for the models that were fetched."""
        return self.root / "models"

    @property
    def scratch(self) -> Path:
        """A local folder for what is being built."""
        return self.root / "scratch"

    def _address(self, given: str, name: str) -> str:
        if not given:
            return str(self.root / name)
        return given.rstrip("/") if is_remote(given) else str(Path(given).expanduser().resolve())
