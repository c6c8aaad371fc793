# `make demo` and `make test` do all the set-up, in .venv; a second run starts at once.

PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo -n)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile -qq --constraint constraints.txt
# Compiles what was installed, and this package: on all processors, where pip uses one. Tests of others are left out.
COMPILE = $(BIN)/python -m compileall -q -j 0 -x '[/\\]tests?[/\\]' monai_attn \
  "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" >/dev/null 2>&1 || true

# What a window needs on Debian and Ubuntu where there is no screen; Mesa draws it.
WINDOW_PACKAGES := xvfb xauth libgl1 libegl1 libdbus-1-3 libfontconfig1 libglib2.0-0 libxkbcommon-x11-0 \
  libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0
# And dciodvfy, which reads the DICOM that the tests write.
DEBIAN_PACKAGES := $(if $(DISPLAY),,$(WINDOW_PACKAGES)) dicom3tools
WINDOW = $(if $(DISPLAY),,$(if $(shell command -v xvfb-run),xvfb-run -a -s "-screen 0 1920x1080x24"))

.PHONY: demo test test-all style lint docs bench

demo: .venv/installed-demo
	$(BIN)/monai-attn demo --out demo --overwrite

PYTEST = $(WINDOW) env OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadgroup

# The types are checked beside the tests, which leave a processor idle at their end.
define TESTS
	@$(BIN)/mypy >.venv/types.log 2>&1 & types=$$!; $(PYTEST) $(1); tests=$$?; \
	  wait $$types || { cat .venv/types.log; exit 1; }; exit $$tests
endef

test: style .venv/debian-packages
	$(call TESTS,-m "not slow")

# With the tests that take minutes: before a release, and after a change of what they look at.
test-all: style .venv/debian-packages
	$(call TESTS)

style: .venv/installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check

lint: style
	$(BIN)/mypy

# The site, in the folder site/. A link that leads nowhere, or a docstring that is not there, ends it.
docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# Some minutes each. Those on data run with DATA=folder, which holds hippocampus/ and images/; docs/benchmarks.md has more.
BENCHMARKS := window first_mask growth measure napari_open napari_slices napari_segment
BENCHMARKS_ON_DATA := organs whole_ct hippocampus

bench: .venv/installed-dev .venv/debian-packages
	@for name in $(BENCHMARKS); do \
	  echo "== benchmarks/$$name.py"; $(WINDOW) $(BIN)/python -W ignore benchmarks/$$name.py || exit 1; done
ifdef DATA
	@for name in $(BENCHMARKS_ON_DATA); do \
	  echo "== benchmarks/$$name.py"; $(BIN)/python -W ignore benchmarks/$$name.py "$(DATA)" || exit 1; done
else
	@echo "Left out, since they need data: $(BENCHMARKS_ON_DATA). Run them with: make bench DATA=folder (two hours)"
endif
	@echo "Left out, since they need more data or hours: sarcoma, sarcoma_folds, sarcoma_calibration; see their first lines."

.venv/installed-%: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing monai_attn into .venv; the first time this takes some minutes."
	@$(INSTALL) pip setuptools
	@$(INSTALL) --no-build-isolation --editable ".[$*]"
	@$(COMPILE)
	@touch $@

# Without them the tests that need a window, or dciodvfy, skip themselves.
.venv/debian-packages: Makefile | $(BIN)/pip
	@if command -v apt-get >/dev/null && ! dpkg -s $(DEBIAN_PACKAGES) >/dev/null 2>&1; then \
	  echo "Installing $(DEBIAN_PACKAGES)"; \
	  { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $(DEBIAN_PACKAGES); } \
	    >/dev/null 2>&1 || echo "They could not be installed; the tests that need them will be skipped."; fi
	@touch $@

# Debian and Ubuntu keep the part of Python that makes environments in a package of its own.
$(BIN)/pip:
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || { \
	  echo "Installing $(notdir $(PYTHON))-venv"; \
	  $(SUDO) apt-get update && $(SUDO) apt-get install -y --no-install-recommends $(notdir $(PYTHON))-venv; }
	$(PYTHON) -m venv .venv
