#!/usr/bin/env bash
# Make .venv hold exactly requirements.lock and this project; do nothing when it does already.
# PYTHON=/path/to/python chooses the interpreter; UV_* variables are passed through to uv.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=$root/.venv/bin/python
stamp=$root/.venv/tessera-setup

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

is_current() {
  [ -x "$python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]
}

# Of the interpreters at hand, the first that is neither too old nor too new.
find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "Tessera needs Python 3.11, 3.12 or 3.13, and ${PYTHON:-python3} is none of them. Install one, or name it: make setup PYTHON=/path/to/python3.12"
}

make_venv() {
  [ "$(cat "$stamp" 2>/dev/null)" != partial ] && "$python" -m pip --version >/dev/null 2>&1 && return
  local base
  base=$(find_python)
  "$base" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$base cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"
  "$base" -m venv --clear .venv
}

# One of pip's settings, from its variable or else its files; never printed, for it may hold a password.
pip_setting() {
  local variable
  variable=PIP_$(printf '%s' "$1" | tr 'a-z-' 'A-Z_')
  if [ -n "${!variable:-}" ]; then
    printf '%s' "${!variable}"
  else
    sed -n "s/^[a-z]*\.$1='\(.*\)'\$/\1/p" <<<"$pip_settings" | tail -n 1 | sed 's/\\n/ /g'
  fi
}

# The addresses among the words given that uv can use as an index.
remote() {
  local word
  for word in $1; do
    case $word in http://* | https://*) printf '%s ' "$word" ;; esac
  done
}

# uv reads none of pip's configuration: hand it on.
use_pip_settings() {
  local pip_settings links index extra certificate
  pip_settings=$("$python" -m pip config list 2>/dev/null || true)
  links=$(pip_setting find-links | xargs | tr ' ' ',')
  index=$(remote "$(pip_setting index-url)")
  extra=$(remote "$(pip_setting extra-index-url)")
  certificate=$(pip_setting cert)
  [ -z "$links" ] || export UV_FIND_LINKS="${UV_FIND_LINKS:-$links}"
  [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${index% }}"
  [ -z "$extra" ] || export UV_EXTRA_INDEX_URL="${UV_EXTRA_INDEX_URL:-${extra% }}"
  [ -z "$certificate" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificate}"
}

install_with_uv() {
  "$python" -m pip install -qq --disable-pip-version-check 'uv>=0.9' || return
  local uv=("$root/.venv/bin/uv" pip install --quiet --python "$python")
  (
    use_pip_settings
    "${uv[@]}" -r requirements.lock && "${uv[@]}" --no-deps --no-build-isolation -e .
  )
}

install_with_pip() {
  local pip=("$python" -m pip install -qq --disable-pip-version-check --no-compile)
  "${pip[@]}" -r requirements.lock && "${pip[@]}" --no-deps --no-build-isolation -e .
}

# What is compiled when it is first used takes half a minute: better now than in the first night.
compile_kernels() {
  local home
  home=$(mktemp -d)
  export TESSERA_HOME=$home TESSERA_LAKE='' TESSERA_DASK_SCHEDULER=threads
  "$python" -m pipelines ingest sample --pieces=12 &&
    "$python" -m pipelines run palettes perceptual_hashes near_duplicates labels similar complementary
  rm -rf "$home"
}

key="$(cat requirements.lock pyproject.toml | cksum) $root"
is_current && exit 0
mkdir -p .tessera
if command -v flock >/dev/null; then
  exec 9>.tessera/setup.lock
  flock 9 # a second call waits here, then finds the work done
  is_current && exit 0
fi
make_venv
echo partial >"$stamp" # an interrupted installation may lack files that its records list: start over then
echo "setup: installing $(grep -c == requirements.lock) packages into .venv (once, a minute or a few)"
install_with_uv ||
  { echo "setup: uv could not do it, trying pip (slower)" && install_with_pip; } ||
  fail "The packages could not be installed: see above. Run 'make setup' again once the cause is gone."
(compile_kernels) >/dev/null 2>&1 || true # a night compiles what is missing
printf '%s' "$key" >"$stamp"
echo "setup: done in $SECONDS s"
