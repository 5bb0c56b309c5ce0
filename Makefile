# Everything that is done here in one command each; `make help` lists them.
#
# .venv is made when first needed, with the versions of constraints.txt, and brought up to date when that file
# or pyproject.toml changes. Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
DATA ?=
PYTEST_ARGS ?=

BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo quick test gpu-test lint types check example bench bench-rembg fuzz corpus soak train clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[dev,raw,train]'
	@touch $@

demo: $(READY) ## cut out three photographs through the daemon, and show them
	$(BIN)/python -m mattingd demo build/demo

test: $(READY) ## the whole test suite on two cores (PYTEST_ARGS="-k config" for a part)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(PYTEST_ARGS)

quick: $(READY) ## lint, types and the pure tests: the loop while you write, under 90 seconds
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m pure tests/core tests/domain tests/config tests/system tests/test_imports.py

gpu-test: $(READY) ## the tests that need a CUDA device; without one they are skipped, and that is said
	$(BIN)/python -m pytest -m gpu $(PYTEST_ARGS)

lint: $(READY) ## ruff, also as Python 3.12 and 3.13 would have it (newer syntax apart: 3.11 cannot read it)
	$(BIN)/ruff check
	$(BIN)/ruff check --quiet --target-version py312 --ignore UP
	$(BIN)/ruff check --quiet --target-version py313 --ignore UP
	$(BIN)/ruff format --check

types: $(READY) ## mypy --strict for Python 3.11, 3.12 and 3.13
	$(BIN)/mypy --python-version 3.11
	$(BIN)/mypy --python-version 3.12
	$(BIN)/mypy --python-version 3.13

check: lint types test ## all of the above, as CI does it

example: $(READY) ## write config.example.yaml anew, from the declared settings
	$(BIN)/python -c 'from mattingd import config; print(config.example(), end="")' > config.example.yaml

bench: $(READY) ## pictures a second: each stage alone, and all together
	$(BIN)/python -m tests.bench.bench

bench-rembg: $(READY) ## the same pictures through rembg, in an environment of its own
	$(BIN)/python -m tests.bench.against_rembg

fuzz: $(READY) ## 50,000 spoilt files of every format through a picture worker, 1,000 through a daemon
	MATTINGD_FUZZ=50000 $(BIN)/python -m pytest --capture no tests/fuzz $(PYTEST_ARGS)

corpus: $(READY) ## hundreds of generated files of every kind, each read by us and by another reader
	MATTINGD_CORPUS=1 $(BIN)/python -m pytest tests/corpus $(PYTEST_ARGS)

bench-edges: $(READY) ## mattes at full size and the colours under them, beside a matting solver
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train]'
	$(BIN)/python -m tests.bench.edges

bench-second-pass: $(READY) ## small subjects with known mattes, through the network once and twice
	$(BIN)/python -m tests.bench.second_pass

soak: $(READY) ## kill the daemon a thousand times
	MATTINGD_SOAK=1000 $(BIN)/python -m pytest --timeout 14400 tests/daemon $(PYTEST_ARGS)

train: $(READY) ## train the model on a data pack: make train DATA=DIR; goes on where it was stopped
	@test -n '$(DATA)' || { echo 'say where the data pack is: make train DATA=DIR' >&2; exit 2; }
	$(BIN)/python -m mattingd.training train --data '$(DATA)'

clean: ## remove caches and built packages; checkpoints of a training (build/) and .venv stay
	rm -rf dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
