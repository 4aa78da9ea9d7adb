"""Settings: where things are. What is computed is said by the parameters beside each algorithm, never here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.lake.objects import is_remote


class Settings(BaseSettings):
    """Read from the environment (`TESSERA_…`) once, at the start of a command. Addresses are folders or `s3://…`."""

    model_config = SettingsConfigDict(env_prefix="TESSERA_", frozen=True, extra="ignore")

    home: Annotated[Path, Field(description="Everything below that is not placed elsewhere.")] = Path(".tessera")
    lake: Annotated[str, Field(description="Address of the lake; empty: HOME/lake.")] = ""
    releases: Annotated[str, Field(description="Address of the releases; empty: HOME/releases.")] = ""
    dask_scheduler: Annotated[str, Field(description="threads, processes, or the address of a Dask scheduler.")] = (
        "threads"
    )
    source: Annotated[str, Field(description="What a night takes in when nothing is named: sample, fashion.")] = ""
    fashion: Annotated[
        str, Field(description="Folder or zip of the fashion catalogue; empty: download from Kaggle.")
    ] = ""

    @property
    def root(self) -> Path:
        """HOME as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def default_source(self) -> str:
        """The source that was named, else fashion where its place is known, else the sample."""
        return self.source or ("fashion" if self.fashion else "sample")

    @property
    def lake_uri(self) -> str:
        return self._address(self.lake, "lake")

    @property
    def releases_uri(self) -> str:
        return self._address(self.releases, "releases")

    @property
    def scratch(self) -> Path:
        """A local folder for what is being built."""
        return self.root / "scratch"

    def _address(self, given: str, name: str) -> str:
        if not given:
            return str(self.root / name)
        return given.rstrip("/") if is_remote(given) else str(Path(given).expanduser().resolve())
