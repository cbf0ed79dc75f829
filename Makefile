# Two commands on a fresh machine: `make demo` and `make test`. Both are safe to run again.
# They need Python 3.11 or newer with its venv module; everything else goes into .venv.
#
#   make test ARGS="-k wiener"          arguments are handed on to pytest (or to the demo)
#   make demo PYTHON=python3.12         another Python
#   make demo TORCH="torch>=2.4"        another build of torch, for instance with CUDA from a configured index

PYTHON ?= python3
ARGS ?=

# Linux gets the CPU build of torch (0.2 GB; the default build brings several GB of CUDA), from a configured
# index or a local wheel if one has it, else from PyTorch's own. Elsewhere the default build is the small one.
TORCH ?= torch==2.13.0$(if $(filter Linux,$(shell uname)),+cpu)
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

BIN := .venv/bin
READY := .venv/ready

.PHONY: help demo test lint types layers docs environment

help:
	@echo 'make demo     denoise the packaged samples: a table, and pictures in demo-output/'
	@echo 'make test     run the test suite, GUI tests included'
	@echo 'make lint | types | layers | docs     the other checks of .ci/run, one by one'

demo: $(READY)
	$(BIN)/napari-shrinkage demo $(ARGS)

test: $(READY)
	@bash .ci/debian-libraries
	bash .ci/with-display $(BIN)/python -m pytest $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

docs: $(READY)
	NAPARI_CONFIG= bash .ci/with-display $(BIN)/sphinx-build -W -E --keep-going -q -b html docs docs/_build/html

environment: $(READY)

# Written last, so that an interrupted installation is taken up again. pip before 25.1 knows no dependency groups.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || bash .ci/debian-libraries python3-venv
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -q '$(TORCH)' || $(BIN)/python -m pip install -q '$(TORCH)' --extra-index-url $(TORCH_CPU_INDEX)
	$(BIN)/python -m pip install -q -e '.[all]' --group dev
	@touch $@
