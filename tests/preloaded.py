"""Imports that take seconds, done once in the process from which commands are forked (see `command.py`)."""

import os

os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations
import great_expectations.expectations  # noqa: F401

import pipelines.cli
import pipelines.training.starting  # noqa: F401
import warehouse.release  # noqa: F401
from pipelines.registry import vendor

vendor.mlflow()
