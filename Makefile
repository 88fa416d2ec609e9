# One virtual environment serves every target. It is installed again only when the files change that say what is in it,
# or the extension's sources.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SOURCES := setup.py $(wildcard csrc/*.c csrc/*.h)
BUILT := build src/firststep/rng/_kernel*.so src/firststep/rng/_kernel*.pyd

.PHONY: help demo test lint format build bench bench-quality docs clean

help:
	@echo "make demo    the tour: plan, initialize and train on real digits; writes tour.html"
	@echo "make test    every test, with coverage"
	@echo "make lint    formatting, lint rules, types"
	@echo "make format  rewrite the files as ruff formats them"
	@echo "make build   compile the native kernel again, and say whether it is right"
	@echo "make bench   time and memory beside torch; writes out/bench.json and out/losses.json"
	@echo "make bench-quality  steps to a loss, beside other starts; 20 minutes; writes benchmarks/results/quality.json"
	@echo "make docs    rewrite the generated parts of the docs and the READMEs"
	@echo "make clean   remove the environment and every build output"

# The extension is optional: without the rm, a compiler's error would leave an old one in its place.
$(STAMP): pyproject.toml constraints.txt $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit("firststep needs Python >= 3.10; try: make PYTHON=python3.11" if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	rm -rf $(BUILT)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,lint]"
	@touch $@

demo: $(STAMP)
	$(BIN)/firststep tour

# Two workers on two cores: one torch thread each.
test: export OMP_NUM_THREADS := 1
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term:skip-covered

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

build: $(STAMP)
	rm -rf $(BUILT)
	$(BIN)/python setup.py --quiet build_ext --inplace
	$(BIN)/firststep doctor

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py --json out/bench.json
	$(BIN)/python benchmarks/losses.py --json out/losses.json
	$(BIN)/python benchmarks/check.py --json out/check.json
	$(BIN)/python benchmarks/recipe_cost.py --json out/recipe_cost.json
	$(BIN)/python benchmarks/solving.py --json out/solving.json

bench-quality: $(STAMP)
	$(BIN)/python benchmarks/quality.py --json benchmarks/results/quality.json

docs: $(STAMP)
	$(BIN)/python tools/make_docs.py

clean:
	rm -rf .venv dist out .coverage .pytest_cache .ruff_cache .hypothesis src/*.egg-info $(BUILT)
