# The same verbs by hand and in CI. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run demo test check format bench

help: ## list the verbs
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "NarraScore Live needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# A stamp per set of extras: installing is skipped while pyproject and constraints have not changed.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

install: $(VENV)/.demo ## make .venv and install the service into it

run: install ## start the service on 127.0.0.1:8080
	$(BIN)/narrascore serve $(ARGS)

demo: install ## 30 s of real clips through the service; writes demo/
	$(BIN)/narrascore demo $(ARGS)

test: $(VENV)/.dev ## every test this machine can run
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev ## lint and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## rewrite the sources in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## print what this machine measures
	$(BIN)/python -m bench $(ARGS)
