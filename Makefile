# Two commands on a fresh machine: `make demo` and `make test`. Everything else is for those who change the code.
# The first that is one of the two versions Tiku runs on.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(shell $(name) -c \
	"import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))" 2>/dev/null && echo $(name))))
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check protos format models install bench clean

$(STAMP): requirements-dev.lock requirements.lock pyproject.toml
	test -x $(BIN)/python || $(or $(PYTHON),$(error Python 3.11 or 3.12 is needed: PYTHON=/path/to/one)) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

install: $(STAMP)

demo: install  ## The main job on two real documents, live on the terminal; Ctrl-C ends it, ARGS=--exit ends by itself.
	$(BIN)/tiku demo $(ARGS)

test: install models  ## All tests against the embedded engines, and what they cover; ARGS=path runs a part of them.
	$(BIN)/python -m pytest $(or $(ARGS),--cov)

models: install  ## The small weights that the tests use.
	$(BIN)/tiku models pull smollm2-135m-instruct-q4_1 multilingual-e5-small

check: install  ## What every commit passes.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint protos
	$(BIN)/python protos/generate.py --check
	$(BIN)/python deploy/lock.py --check

protos: install  ## Regenerates protos/gen from the contract.
	$(BIN)/python protos/generate.py

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install  ## The ratios that benchmarks/README.md reports.
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
