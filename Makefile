# The same verbs by hand and in CI. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Compiled once, not in each of the many processes that the tests start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install run demo test check format bench fuzz soak audit lock locked audiocraft-env test-audiocraft

help: ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "NarraScore Live needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

# A stamp per set of extras: installing is skipped while pyproject and constraints have not changed.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[demo]'
	@touch $@

# What pip compiles it compiles one by one, and most of torch and transformers is never imported: a minute.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --no-compile -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

install: $(VENV)/.demo ## make .venv and install the service into it

run: install ## start the service on 127.0.0.1:8080
	$(BIN)/narrascore serve $(ARGS)

demo: install ## 30 s of real clips through the service; writes demo/score.mp4 and more
	$(BIN)/narrascore demo $(ARGS)

# What computes has a worker, of one thread, for each core.
# Real peers and browsers mostly wait: three run at once. On a slow machine they take the music from one another: what
# failed in company is judged once more, alone. Those that assert a figure have the machine to themselves.
test: $(VENV)/.dev ## every test this machine can run; ARGS='-k cuts' for some
ifeq ($(strip $(ARGS)),)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --ignore=tests/e2e -n auto --dist worksteal
	$(BIN)/python -m pytest tests/e2e -m 'not alone' -n 3 --dist loadfile --no-loadscope-reorder || \
		$(BIN)/python -m pytest tests/e2e -m 'not alone' --last-failed --last-failed-no-failures none
	$(BIN)/python -m pytest tests/e2e -m alone
else
	$(BIN)/python -m pytest $(ARGS)
endif

check: $(VENV)/.dev ## lint, strict types, licences, lock, advisories
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m supply --licences

audit: $(VENV)/.dev ## check, and fail for what is known against a package
	$(BIN)/python -m supply --licences --strict

lock: $(VENV)/.dev ## write requirements.lock anew: versions as installed, hashes as the index says
	$(BIN)/python -m supply.lock

locked: | $(BIN)/python ## the service alone into .venv-locked, every file checked against requirements.lock
	$(BIN)/python -m venv .venv-locked
	.venv-locked/bin/python -m pip install -q --no-deps --require-hashes -r requirements.lock
	.venv-locked/bin/python -m pip install -q --no-deps -e .

format: $(VENV)/.dev ## rewrite the sources in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## print what this machine measures
	$(BIN)/python -m bench $(ARGS)

fuzz: $(VENV)/.dev ## damaged input, 50 times as much as in make test
	FUZZ=$(or $(TIMES),50) $(BIN)/python -m pytest tests/fuzz $(ARGS)

soak: $(VENV)/.dev ## sessions and faults for HOURS=1
	$(BIN)/python -m bench.soak --minutes $$(awk 'BEGIN { print 60 * $(or $(HOURS),1) }') $(ARGS)

# audiocraft's pins are those of 2023: an environment of its own, 7 GB, with torch 2.9.1 and without the pins.
AUDIOCRAFT := .venv-audiocraft
AUDIOCRAFT_PYTHON ?= python3.11
$(AUDIOCRAFT)/.made: composer/audiocraft/requirements.txt
	$(AUDIOCRAFT_PYTHON) -m venv $(AUDIOCRAFT)
	$(AUDIOCRAFT)/bin/python -m pip install -q -r composer/audiocraft/requirements.txt
	$(AUDIOCRAFT)/bin/python -m pip install -q --no-deps audiocraft==1.3.0
	@touch $@

audiocraft-env: $(AUDIOCRAFT)/.made ## make .venv-audiocraft for audiocraft's own MusicGen

test-audiocraft: $(AUDIOCRAFT)/.made ## audiocraft's model with random weights, end to end through the protocol
	$(AUDIOCRAFT)/bin/python -m pytest -c tests/audiocraft/pytest.ini --rootdir=tests/audiocraft --confcutdir=tests/audiocraft tests/audiocraft $(ARGS)
	$(AUDIOCRAFT)/bin/python -m composer.audiocraft.tested --write
