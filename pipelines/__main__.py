"""`python -m pipelines` is `tessera`."""

from pipelines.cli import main

main()
