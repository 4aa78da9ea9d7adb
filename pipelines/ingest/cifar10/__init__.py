"""CIFAR-10: 60,000 small labelled pictures, from the python version of the published archive or a copy of it."""

from pipelines.ingest.cifar10.published import download
from pipelines.ingest.cifar10.source import TERMS, Cifar10Params, ingest

__all__ = ["TERMS", "Cifar10Params", "download", "ingest"]
