# `make demo` and `make test` do all the set-up, in .venv; a second run starts at once.

PYTHON ?= python3
BIN := .venv/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -qq --constraint constraints.txt

.PHONY: demo test lint bench

demo: .venv/installed-demo
	$(BIN)/monai-attn demo --out demo --overwrite

test: lint
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: .venv/installed-dev
	@for script in benchmarks/[a-z]*.py; do echo "$$script"; $(BIN)/python "$$script" || exit 1; done

.venv/installed-%: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing monai_attn into .venv; the first time this takes some minutes."
	@$(INSTALL) pip setuptools
	@$(INSTALL) --no-build-isolation --editable ".[$*]"
	@touch $@

# Debian and Ubuntu keep the part of Python that makes environments in a package of its own.
$(BIN)/pip:
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { \
	  echo "Installing $(notdir $(PYTHON))-venv"; \
	  $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends $(notdir $(PYTHON))-venv; }
	$(PYTHON) -m venv .venv
