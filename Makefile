# The shell's door to the project. What each verb does is in lib/inverse_graphics/verbs/.
#
#   PROFILE=smoke|quick|paper   size of the experiments (default quick)
#   RETRAIN=1                   train again instead of loading finished results
#   ONLY=05                     only the notebooks whose name starts so
#   JOBS=2                      notebooks side by side, each on one thread if more than one (as make -jN says)
#   INVERSE_GRAPHICS_PYTHON=…   use this interpreter (a conda environment's, say) instead of making .venv

PROFILE ?= quick
JOBS ?= 2
KILLS ?= 4
PYTHON3 ?= python3
PYTHON := $(or $(INVERSE_GRAPHICS_PYTHON),.venv/bin/python)
COMPANION := $(PYTHON) -m inverse_graphics.cli
NOTEBOOKS := $(sort $(wildcard notebooks/$(ONLY)*.ipynb))
# Those that train longest start first, so that none is left alone at the end.
LONGEST := $(foreach number,05 07 22 11 16 13 09 21,$(filter notebooks/$(number)_%,$(NOTEBOOKS)))
NOTEBOOKS := $(if $(RETRAIN),$(LONGEST) $(filter-out $(LONGEST),$(NOTEBOOKS)),$(NOTEBOOKS))
# Threads that wait by spinning make a busy machine many times slower.
export OMP_WAIT_POLICY ?= PASSIVE
# How many notebooks run side by side; then each keeps to one thread, for the same reason.
SIDE_BY_SIDE = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),$(JOBS))
ALONE = $(if $(filter-out 1,$(SIDE_BY_SIDE)),OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1})
# Tests run two at a time; more threads inside each would only fight over the cores.
TEST := OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile

# What `make test` runs cell by cell, from what is shipped: one notebook of each kind. CI runs all of them besides.
CELLWISE := $(foreach number,00 05 08 17 22 31 35,$(wildcard notebooks/$(number)_*.ipynb))

.DEFAULT_GOAL := help
.PHONY: help setup data figures gallery site train test test-faults test-browser lab bench lint clean .environment

help: ## this list
	@sed -n 's/^#   \(.*\)/  \1/p' Makefile; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: .environment ## make the environment (every other target does so when it is needed)
	@echo "The environment is ready: $(PYTHON)"

.environment:
	@$(if $(INVERSE_GRAPHICS_PYTHON),:,$(PYTHON3) tools/setup_environment.py)

data: .environment ## download the real data sets, verified by hash
	@$(COMPANION) data get

figures: .environment ## run the notebooks, two at a time, then write figures/ and its gallery
	@test -n "$(NOTEBOOKS)" || { echo "no notebook in notebooks/ starts with '$(ONLY)'" >&2; exit 2; }
	@$(ALONE) $(COMPANION) figures --jobs $(SIDE_BY_SIDE) --profile $(PROFILE) $(if $(RETRAIN),--retrain) $(NOTEBOOKS)

gallery: .environment ## write figures/README.md and claims.csv again from what stands in figures/
	@$(COMPANION) gallery --profile $(PROFILE)

site: .environment ## write the notebooks as pages to build/site/, to be read without a kernel and a network
	@$(ALONE) $(COMPANION) site --jobs $(SIDE_BY_SIDE) $(NOTEBOOKS)

train: ## run the notebooks with training, as `make figures RETRAIN=1`
	@$(MAKE) --no-print-directory figures RETRAIN=1

test: .environment ## the tests, then one notebook of each kind cell by cell
	@$(TEST) tests --ignore=tests/browser --ignore=tests/faults
	@INVERSE_GRAPHICS_FIGURES=build/nbval/figures $(TEST) -o addopts=-q -o filterwarnings= -p no:cacheprovider \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=300 $(CELLWISE)

test-faults: .environment ## kill -9, full disks, damaged files, and twice the same seed; KILLS=20 kills at more moments
	@$(TEST) tests/faults --kills $(KILLS)

test-browser: .environment ## the explorer and a page of the site in a real Chromium, skipped where there is none
	@OMP_NUM_THREADS=1 $(PYTHON) -m pytest -rs tests/browser

lab: .environment ## open JupyterLab on the notebooks
	@$(PYTHON) -m jupyterlab --notebook-dir=notebooks

bench: .environment ## measure speed against peers and limits
	@$(COMPANION) bench

lint: .environment ## look the code over with ruff
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .

clean: ## remove what was built (build/, caches); keeps .venv, runs/, data/ and figures/
	@rm -rf build .pytest_cache .ruff_cache
	@find lib tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +
