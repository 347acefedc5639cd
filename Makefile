# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for those who change the code.
# PYTHON is the first that is one of the two versions Tiku runs on.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(shell $(name) -c \
	"import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))" 2>/dev/null && echo $(name))))
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUNTIME := $(VENV)/.runtime
# One more than there are cores: most tests wait now and then.
WORKERS ?= $(shell expr $$(nproc) + 1)
PYTEST := $(BIN)/python -m pytest
PARALLEL := --numprocesses=$(WORKERS) --maxprocesses=8 --dist=loadscope --no-loadscope-reorder
# Where tests marked `alone` are: to collect all others once more takes half a minute.
ALONE := tests/e2e $(shell grep --recursive --files-with-matches --include='test_*.py' 'mark\.alone' tests)

.PHONY: install demo test test-fast coverage models check lint types imports protos-check lock-check protos lock format hooks \
	bench clean

$(RUNTIME): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(or $(PYTHON),$(error Python 3.11 or 3.12 is needed: PYTHON=/path/to/one)) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(STAMP): $(RUNTIME) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	touch $@

install: $(STAMP)

demo: $(RUNTIME)  ## The main job on two real documents, live on the terminal; Ctrl-C ends it, ARGS=--exit ends by itself.
	$(BIN)/tiku demo $(ARGS)

# Without its files of bytecode, pytest would compile every test anew in every process.
test test-fast coverage: export PYTHONDONTWRITEBYTECODE :=

# Tests marked `alone` run after the others, in one process.
test: install models  ## All tests against the embedded engines; ARGS=path runs a part of them.
ifdef ARGS
	$(PYTEST) $(ARGS)
else
	$(PYTEST) $(PARALLEL) -m "not alone"
	$(PYTEST) -m alone $(ALONE)
endif

# The lines that both runs reach count together. Apart from `make test`, since to count them costs half as much again.
coverage: install models  ## All tests, and whether they reach as many lines as they have to.
	$(PYTEST) $(PARALLEL) -m "not alone" --cov --cov-report= --cov-fail-under=0
	$(PYTEST) -m alone --cov --cov-append $(ALONE)

test-fast: install  ## Unit and contract tests on fakes alone: the inner loop.
	$(PYTEST) $(PARALLEL) -q -m "not engine and not alone" --hypothesis-profile=inner-loop tests/unit tests/contract $(ARGS)

models: install  ## The small weights that the tests use.
	$(BIN)/tiku models pull smollm2-135m-instruct-q4_1 multilingual-e5-small

check: lint types imports protos-check lock-check  ## What every commit passes.

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

protos-check: install
	$(BIN)/buf lint protos
	$(BIN)/python protos/generate.py --check

lock-check: install
	UV=$(BIN)/uv deploy/lock --check

protos: install  ## Regenerates protos/gen from the contract.
	$(BIN)/python protos/generate.py

lock: install  ## Writes both lock files from pyproject.toml; ARGS="--upgrade-package NAME" lifts what NAME is locked at.
	UV=$(BIN)/uv deploy/lock $(ARGS)

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks: install  ## Has git run the checks at each commit.
	$(BIN)/pre-commit install

bench: install  ## The ratios that benchmarks/README.md reports.
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
