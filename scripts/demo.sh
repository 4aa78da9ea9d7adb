#!/usr/bin/env bash
# A night over generated pieces, run by Airflow itself, then a look at what came out of it.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
. scripts/airflow.sh
export NO_COLOR=1
log=$TESSERA_HOME/demo.log
queries=(
  "SELECT display_name, dominant_hex, palette FROM products_flat WHERE palette IS NOT NULL ORDER BY product_id LIMIT 5"
  "SELECT title, year, is_pass FROM films WHERE source = 'sample_tmdb' ORDER BY title, year LIMIT 5"
  "SELECT title, visibility, like_count FROM wardrobe('ana')"
  "SELECT used_count, distance, picture FROM mosaics_of('ana')"
)
: >"$log"

fail() {
  printf '\ndemo: %s\n      Everything that was said: %s\n' "$1" "$log" >&2
  exit 1
}

# Airflow's log on stdin; on stdout one line a try of a task, with the sentence it failed with.
progress() {
  awk '
    /\[DAG TEST\] starting task_id=/ { task = $0; sub(/.*task_id=/, "", task); sub(/ .*/, "", task); error = "" }
    /Airflow[A-Za-z]*Exception: /    { error = $0; sub(/^[^:]*: /, "", error) }
    / new_state=/                    { state = $0; sub(/.* new_state=/, "", state); sub(/ .*/, "", state) }
    /\[DAG TEST\] end task/          { printf "  %-18s %s%s\n", task, state, error ? ": " error : ""; fflush() }
  '
}

run_night() {
  airflow dags test nightly --conf '{"sources": ["sample", "inbox"]}' 2>&1 | tee -a "$log" | progress
}

echo "demo: preparing Airflow"
airflow db migrate >>"$log" 2>&1 || fail "Airflow could not make its database."
airflow dags list-import-errors --local --output plain >>"$log" 2>&1 || fail "A DAG cannot be loaded."
echo "demo: every DAG loads"

printf '\nThe DAG nightly over generated pieces\n'
run_night || fail "The night failed."
grep -q 'Marking run <DagRun nightly .* successful' "$log" || fail "The night did not end well."

printf '\nThe night, step by step\n'
python -m pipelines runs --last || fail "The table of the night could not be read."
printf '\nThe release\n'
python -m pipelines releases || fail "The release could not be read."
for query in "${queries[@]}"; do
  printf '\n%s\n' "$query"
  python -m pipelines sql "$query" || fail "The release could not be queried."
done
printf '\nAirflow said more: %s\nNow in a browser: make up\n' "$log"
