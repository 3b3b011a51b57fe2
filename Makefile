# Everything starts here: `make demo`, then `make test`. Needs Python 3.11 or newer, make and git; sets up the rest itself.

PHOTO ?=
# Two workers: the suite compiles Rust, and more of them only wait for each other on a small machine.
PYTEST_WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
BIN := .venv/bin
.DEFAULT_GOAL := help

# The parts of one target run in order; targets share .venv, so they do too.
.NOTPARALLEL:
.PHONY: help demo test check docs bench clean distclean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## a sentence becomes a filter on a photograph, in demo-output/  (PHOTO=mine.jpg for yours)
	@scripts/system-packages.sh demo
	@scripts/python-env.sh demo
	@$(BIN)/akatsuki toolchain install
	@$(BIN)/python scripts/demo.py $(if $(PHOTO),"$(PHOTO)")

test: ## the whole suite, with real cargo, wasmtime, SQLite and Jupyter  (PYTEST_ARGS="-k name" for a part)
	@scripts/system-packages.sh test
	@scripts/python-env.sh test
	@$(BIN)/akatsuki toolchain install
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup --durations 15 --durations-min 1 $(PYTEST_ARGS)

check: ## formatting, lints, types, the direction of imports; the same for Rust
	@scripts/python-env.sh check
	@$(BIN)/akatsuki toolchain install
	@scripts/system-packages.sh check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_rust.py

docs: ## the documentation, in site/
	@scripts/python-env.sh docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: ## the measurements of benchmarks/, beside their peers  (BENCH_ARGS=--write for docs/benchmarks.md, or calls --quick)
	@scripts/system-packages.sh demo
	@scripts/python-env.sh bench
	@$(BIN)/akatsuki toolchain install
	@$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

clean: ## removes what the other targets made here, .venv excepted
	rm -rf build dist site demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find akatsuki_wasm plugins tests scripts benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## .venv too
	rm -rf .venv
