#!/usr/bin/env bash
# Remake requirements.lock from pyproject.toml: pins only, no hashes, no addresses, no build labels
# (torch has a CPU and a CUDA build of one version, and the lock must fit both).
set -euo pipefail
cd "$(dirname "$0")/.."
new=$(mktemp)
trap 'rm -f "$new"' EXIT
UV_FIND_LINKS=${UV_FIND_LINKS:-$(xargs <<<"${PIP_FIND_LINKS:-}" | tr ' ' ',')} \
  .venv/bin/uv pip compile pyproject.toml --quiet --extra cluster --extra dev --no-header --no-annotate \
  --no-emit-find-links --no-emit-index-url --python-version 3.11 "$@" |
  sed 's/+[a-z0-9.]*$//' >"$new"
cat "$new" >requirements.lock
echo "lock: $(grep -c == requirements.lock) pins"
