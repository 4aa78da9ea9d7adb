# Sourced by demo.sh and up.sh: one Airflow, in one folder, that knows nothing of any other on this machine.
root=$PWD
export TESSERA_HOME=${TESSERA_HOME:-$root/.tessera}
mkdir -p "$TESSERA_HOME"
TESSERA_HOME=$(cd "$TESSERA_HOME" && pwd)
for name in $(env | sed -n 's/^\(AIRFLOW__[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
export AIRFLOW_HOME=$TESSERA_HOME/airflow
export AIRFLOW__CORE__DAGS_FOLDER=$root/dags
export AIRFLOW__CORE__EXECUTOR=LocalExecutor
export AIRFLOW__CORE__PARALLELISM=2
export AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False # else a run started by hand waits for ever
export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:///$AIRFLOW_HOME/airflow.db
export AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL=15
export PYTHONPATH=$root
export PATH=$root/.venv/bin:$PATH # standalone starts `airflow` by its name
mkdir -p "$AIRFLOW_HOME"
secret=$AIRFLOW_HOME/jwt_secret # Airflow's own is shorter than it should be
[ -s "$secret" ] || (umask 077 && python -c 'import secrets; print(secrets.token_hex(64))' >"$secret")
AIRFLOW__API_AUTH__JWT_SECRET=$(cat "$secret")
export AIRFLOW__API_AUTH__JWT_SECRET
