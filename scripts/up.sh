#!/usr/bin/env bash
# Airflow and MLflow with their pages, until Ctrl-C or `make stop`.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" = stop ] || scripts/setup.sh
. scripts/airflow.sh
export AIRFLOW_PORT=${AIRFLOW_PORT:-8080} MLFLOW_PORT=${MLFLOW_PORT:-5000}
export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT=$AIRFLOW_PORT
export AIRFLOW__API__BASE_URL=http://localhost:$AIRFLOW_PORT
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:$AIRFLOW_PORT/execution/
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
exec python scripts/up.py "$@"
