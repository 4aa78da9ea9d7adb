"""Which models there are, which version of each serves, and its files on this machine, checked.

The only door to MLflow. A model gets in by plain `mlflow.<flavour>.log_model(…, metadata={"tessera": spec})` and serves
once an alias points at it. How a model runs is `inference/backends`'; training decides which one deserves an alias.
"""

from pipelines.registry.manifest import Manifest
from pipelines.registry.registry import CHAMPION, ModelVersion, NoModel, Registry

__all__ = ["CHAMPION", "Manifest", "ModelVersion", "NoModel", "Registry"]
