# Everything runs in .venv, which is made on first use from the pinned,
# hash-checked requirements. Nothing but git, make and Python 3.11+ is assumed.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
PY := $(BIN)/python
READY := .venv/.installed
PINS := requirements/bootstrap.txt requirements/run.txt requirements/dev.txt
COMPILE := $(BIN)/uv pip compile --quiet --system-certs --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --custom-compile-command "make requirements" $(UPGRADE)

unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test lint bench faults requirements clean

help: ## Print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r t h; do printf '%-20s %s\n' "$$t" "$$h"; done

setup: $(READY) ## Make .venv with the pinned dependencies (the others do it when needed)

demo: $(READY) ## Start the demo application (PORT=… to choose its port)
	@$(BIN)/coatcheck demo

# Some tests run a browser, nginx and PgBouncer, and as root some cut wires with iproute2.
# Debian would start servers too, which policy-rc.d keeps it from. Three at once on two cores: many wait for clocks.
test: $(READY) ## Run the tests (ARGS=… is handed to pytest)
	@missing=; policy=/usr/sbin/policy-rc.d; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing=chromium; \
	for server in nginx pgbouncer; do \
		command -v $$server >/dev/null || [ -x /usr/sbin/$$server ] || missing="$$missing $$server"; done; \
	[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || command -v ip >/dev/null || missing="$$missing iproute2"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Some tests need what is missing here, installing Debian's with apt-get:" $$missing; \
		[ -e $$policy ] || { printf '#!/bin/sh\nexit 101\n' >$$policy; chmod +x $$policy; trap "rm -f $$policy" EXIT; }; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; } || { \
			echo "Could not be installed:" $$missing; [ "$$CI" != true ]; }; \
	else \
		echo "Some tests need what is missing here, and are skipped (on Debian: sudo apt-get install $$(echo $$missing))"; \
		[ "$$CI" != true ]; \
	fi
	@$(PY) -m pytest -n 3 --dist loadgroup $(ARGS)

lint: $(READY) ## Check style, formatting, types and who imports whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY) ## Measure (ARGS=… is handed to the benchmarks)
	@$(PY) -m benchmarks $(ARGS)

faults: $(READY) ## Kill, pause and race processes, in full
	@$(PY) -m tests.faults $(ARGS)

requirements: $(READY) ## Pin the dependencies anew (UPGRADE=--upgrade for the newest)
	@$(COMPILE) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	@$(COMPILE) pyproject.toml --all-extras --output-file requirements/run.txt
	@$(COMPILE) requirements/dev.in --output-file requirements/dev.txt

clean: ## Remove .venv and everything generated
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv takes the pinned wheels in a second or two; where it cannot reach the
# package index (it does not read pip's own configuration), pip does the same.
$(READY): $(PINS) pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		if python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Python's venv module is missing: install it (on Debian: apt-get install python3-venv)."; \
		else \
			echo "Python 3.11 or newer is needed, and none was found (PYTHON=… names one)."; \
		fi; exit 1; fi
	@$(PY) -m pip --version >/dev/null 2>&1 || { echo "Making .venv"; $(PYTHON) -m venv --clear .venv; }
	@$(PY) -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@echo "Installing the pinned dependencies"
	@$(BIN)/uv pip install --quiet --system-certs --python $(PY) --require-hashes -r requirements/dev.txt 2>.venv/uv.log || { \
		echo "uv could not; pip takes over (uv's reason is in .venv/uv.log)"; \
		$(PY) -m pip install --quiet --require-hashes -r requirements/dev.txt; }
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
