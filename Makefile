# Headgate: what a person types. `make help` lists it. Every step is skipped when nothing it depends on has changed.

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= $(shell .ci/find-python)
PIP    := $(BIN)/python -m pip --disable-pip-version-check

# In this order: the quick and the pure first.
FOLDERS := unit architecture contract story service conformance simulation browser
TESTS   := $(foreach folder,$(FOLDERS),$(if $(wildcard tests/$(folder)/*),tests/$(folder)))
CODE    := src tests $(wildcard benchmarks) examples docs
# Programs: each measures one thing and says how far it is from its budget.
# Three at a time, for they wait more than they work; the tests of one file in one process, and the longest files first:
# no core waits for the last one.
SPREAD  := --numprocesses 3 --dist loadfile --no-loadscope-reorder
BENCHES := $(basename $(notdir $(wildcard benchmarks/bench_*.py)))

.PHONY: help demo demo-release test check format bench simulate soak docs lock clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'

demo: $(VENV)/.demo ## Run the main job on real flights: train, gate, approve, promote, serve, score
	@$(BIN)/python examples/flights/demo.py

demo-release: $(VENV)/.demo ## Release challengers on real flights: a good one becomes champion, three bad ones go back
	@$(BIN)/python examples/flights/demo_release.py

test: $(VENV)/.test ## Pass every test (installs what tests need)
	$(BIN)/python -m pytest $(SPREAD) tests/unit
	$(BIN)/python -m pytest $(SPREAD) $(filter-out tests/unit,$(TESTS))

check: $(VENV)/.dev ## Lint, formatting, types, import contracts
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code in its one format
	$(BIN)/ruff check --fix-only $(CODE)
	$(BIN)/ruff format $(CODE)

bench: $(VENV)/.dev ## Measure against the budgets, beside nginx and other servers (QUICK=--quick: that all runs)
	@.ci/packages wrk:wrk h2load:nghttp2-client /usr/sbin/nginx:nginx-light
	@missed=""; for bench in $(BENCHES); do echo "== $$bench"; $(BIN)/python -m benchmarks.$$bench --check $(QUICK) || missed="$$missed $$bench"; done; \
	test -z "$$missed" || { echo "a budget is missed in:$$missed"; exit 1; }

simulate: $(VENV)/.dev ## Prove the statistics over many seeded runs (minutes; `make test` runs a small share)
	HEADGATE_SIMULATIONS=20 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/simulation -n 2 --dist worksteal --durations=10

soak: $(VENV)/.test ## 100,000 malformed requests, 50 kills at random moments, long fuzzing (long; `make test` runs a share)
	HEADGATE_MALFORMED=100000 HEADGATE_KILLS=50 HEADGATE_FUZZ=100 $(BIN)/python -m pytest --timeout 3600 --durations=10 \
	tests/conformance/test_malformed_requests.py tests/conformance/test_openapi_fuzz.py \
	tests/service/test_predictions_worker.py tests/service/test_control_api.py

docs: $(VENV)/.dev ## Write docs/reference from the code
	$(BIN)/python docs/write.py

lock: $(VENV)/.dev ## Resolve pyproject.toml again into the locked requirements
	.ci/lock $(BIN)

clean: ## Remove the virtual environment, caches and the examples' data and state
	rm -rf $(VENV) .venv-bench build dist src/*.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf examples/*/data examples/*/.headgate
	find src tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Headgate needs Python 3.11 or newer, and found none. Install it (Debian: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@.ci/packages venv:python3-venv libgomp:libgomp1
	@echo "making a virtual environment with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements.txt pyproject.toml | $(BIN)/python
	@echo "installing $$(grep -c == requirements.txt) locked packages: about a minute, once"
	@$(PIP) install --quiet --requirement requirements.txt
	@$(PIP) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.demo
	@echo "installing the tools of development"
	@$(PIP) install --quiet --requirement requirements-dev.txt
	@touch $@

# PyTorch is large, and only the test of packaging PyTorch modules needs it.
$(VENV)/.test: requirements-torch.txt .ci/packages $(VENV)/.dev
	@.ci/packages git:git
	@echo "installing PyTorch for its packaging test"
	@$(PIP) install --quiet --requirement requirements-torch.txt --constraint requirements-dev.txt
	@touch $@
