# Everything a person does here by hand; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check up stop bench docs lock clean
PYTHON ?=
export PYTHON
IN := .venv/bin

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything into .venv (PYTHON=... chooses the interpreter)
	@scripts/setup.sh

demo: ## Run a whole night over generated pieces through Airflow, and query the result
	@scripts/demo.sh

test: check ## Run the checks, then every test
	@$(IN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: setup ## Look at format, lint, types, imports, lock and generated pages; under a minute
	@$(IN)/ruff format --check --quiet . || { echo "check: not formatted; run: $(IN)/ruff format"; exit 1; }
	@$(IN)/ruff check --quiet .
	@$(IN)/mypy --strict --no-error-summary pipelines warehouse dags
	@said=$$($(IN)/lint-imports --no-logo 2>&1) || { echo "$$said"; exit 1; }
	@! grep -vnE '^[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*$$' requirements.lock || \
	  { echo "check: requirements.lock holds more than plain pins; run: make lock"; exit 1; }
	@$(IN)/python -m pipelines docs --check
	@echo "check: all well"

up: ## Start Airflow and MLflow with their pages (AIRFLOW_PORT=8080 MLFLOW_PORT=5000)
	@scripts/up.sh

stop: ## Stop what `make up` started elsewhere
	@scripts/up.sh stop

bench: setup ## Run every benchmark
	@set -e; for file in benchmarks/[!_]*.py; do echo "$$file"; $(IN)/python "$$file"; done

docs: setup ## Write the data dictionary anew
	@$(IN)/python -m pipelines docs

lock: setup ## Resolve the dependencies anew into requirements.lock
	@scripts/lock.sh

clean: ## Remove the environment and all caches; .tessera, your data, stays
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache ./*.egg-info
	@find . -name __pycache__ -type d -not -path './.tessera/*' -prune -exec rm -rf {} +
