# Two commands are enough: `make run` and `make test`. Both need Python 3.11 or newer and make, and bring the rest.

PYTHON ?= python3
MEMBERS ?= 21
WORKERS ?= 2
ARGS ?=
SOAK ?= $(basename $(notdir $(wildcard tests/soak/[a-z]*.py)))

VENV := .venv
READY := $(VENV)/.ready
IN_VENV := $(VENV)/bin
CATALOGUE := admin/interface/translations/ja/LC_MESSAGES/messages

# A run starts dozens of Python processes: with what is compiled kept, each is there in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check format bench manuals soak lock messages clean

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile
	@echo "  MEMBERS=13|21 for run, ARGS='-k words' and WORKERS=2 for the tests, SOAK=first_starts ARGS=3 for soak, PYTHON=python3.12 for all."

run: $(READY) ## Start everything, carry out the main job on example data, serve until Ctrl-C.
	$(IN_VENV)/moyai run --members $(MEMBERS)

test: $(READY) ## Run every test on real servers of their own.
	$(IN_VENV)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

test-fast: $(READY) ## Run the tests without Keycloak, browser, application, servers of their own and long walks.
	$(IN_VENV)/python -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder \
	  -m 'not keycloak and not browser and not application and not slow' $(ARGS)

check: $(READY) ## What a reviewer runs: style, types, import rules, tests.
	$(IN_VENV)/ruff check .
	$(IN_VENV)/ruff format --check .
	$(IN_VENV)/mypy
	$(MAKE) test

format: $(READY) ## Format the code.
	$(IN_VENV)/ruff check --fix .
	$(IN_VENV)/ruff format .

bench: $(READY) ## Measure, against bare work in the same run; prints ratios with their conditions.
	@set -e; for story in $(basename $(notdir $(wildcard tests/bench/[a-z]*.py))); do $(IN_VENV)/python -m tests.bench.$$story $(ARGS); done

manuals: $(READY) ## Set the manuals of docs/manuals as PDF, below build/manuals.
	$(IN_VENV)/python -m tests.journeys.manuals_pdf

soak: $(READY) ## A million random splits, two writers on one person, frozen servers, half-sent bodies, 30 first starts, 20 set-ups, 200 clients.
	@set -e; for story in $(SOAK); do $(IN_VENV)/python -m tests.soak.$$story $(ARGS); done

lock: $(READY) ## Resolve the dependencies again after a change in pyproject.toml, and list what an installation consists of.
	$(IN_VENV)/uv pip compile pyproject.toml --extra dev --extra embedded --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock
	.ci/bill-of-materials $(VENV)

messages: $(READY) ## Bring the catalogue of texts up to date with the pages; what is new in it, translate.
	@mkdir -p build
	$(IN_VENV)/pybabel -q extract -F pyproject.toml --no-location --sort-output -o build/messages.pot admin
	$(IN_VENV)/pybabel -q update -l ja -i build/messages.pot -o $(CATALOGUE).po \
	  --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120
	$(IN_VENV)/pybabel -q compile -l ja -i $(CATALOGUE).po -o $(CATALOGUE).mo

clean: ## Remove what make made; the data in .moyai stays.
	rm -rf $(VENV) .moyai-test .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info

$(READY): requirements.lock pyproject.toml
	@PYTHON='$(PYTHON)' sh .ci/venv $(VENV)
	@touch $@
