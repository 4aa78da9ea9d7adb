"""The command line: settings in, objects built, one function called, exit code out.

Exit codes: 0 done, 1 a contract was broken (data; repeating will not help), 2 could not run.
"""

import pipelines.cli.learning
import pipelines.cli.picturing
import pipelines.cli.reading
import pipelines.cli.writing  # noqa: F401  # all register their commands
from pipelines.cli.app import main

__all__ = ["main"]
