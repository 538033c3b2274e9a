# Everything one needs, on a machine with Python 3.11 (or 3.12), git and make.
#   make repro            environment, data, the whole pipeline, and a summary
#   make test             lint, tests, the series of notebooks replayed in a temporary clone, two small experiments
#   make slow             the long tests: kill -9 in each stage, full disks, the ablations' trainings
#   make reports          models and reports as released, without running anything
#   make lab              JupyterLab in notebooks/
#   make smoke            the series on tens of shapes, into reports/smoke/
#   make seeds            both trainings and the evaluation with seeds 0, 1, 2: mean and spread (a quarter of an hour on two cores)
#   make studies          robustness and ablations, outside the pipeline (an hour and a half on two cores; goes on if stopped)
#   make params           params.yaml from conf/
#   make clean-notebooks  no outputs in notebooks/, in place
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env repro test lint unit slow series experiments lock reports lab smoke studies seeds params clean-notebooks

VENV := $(CURDIR)/.venv
PY := $(VENV)/bin/python
DVC := $(PY) -m dvc
export PATH := $(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := true

help:
	@sed -n 's/^#   //p' Makefile

env: $(VENV)/.stamp

# torch and what it brings are large, so the environment is made once and anew only when the lock changes
$(VENV)/.stamp: requirements.txt
	@if [ ! -x $(PY) ]; then \
	  for python in $(PYTHON) python3.11 python3.12 python3; do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then \
	      $$python -c 'import ensurepip' 2>/dev/null || { echo "Python has no venv: install it (Debian, Ubuntu: apt-get install python3-venv)."; exit 1; }; \
	      $$python -m venv $(VENV); break; \
	    fi; \
	  done; \
	  [ -x $(PY) ] || { echo "Python 3.11 or 3.12 is needed and none was found: install it, or name it with make PYTHON=/path/to/python3.11."; exit 1; }; \
	fi
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@# an editable install without a build step; a working tree's own lib still comes first (PYTHONPATH, lib.run)
	@$(PY) -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "sweethome_retrieval.pth").write_text("$(CURDIR)\n")'
	@$(PY) -c 'from lib.compat import import_open3d, import_torchvision; import_torchvision(), import_open3d()' \
	  || { echo "The environment lacks something of the system: the last line above says what to install."; exit 1; }
	@touch $@

repro: env
	$(DVC) pull data
	$(DVC) repro
	@$(PY) -m lib.report.index
	@$(PY) -m lib.report.summary

reports: env
	$(DVC) pull --allow-missing
	@echo "Models are in artifacts/, reports in reports/*.html."

# without the offer to rebuild JupyterLab for an extension of dash, which open3d brings and nothing here uses
lab: env
	$(PY) -m jupyter lab --ServerApp.root_dir=$(CURDIR) --LabApp.default_url=/lab/tree/notebooks \
	  --ServerApp.tornado_settings='{"page_config_data": {"buildCheck": False, "buildAvailable": False}}'

smoke: env
	$(PY) -m lib.run --smoke

# seed 0 is the pipeline's own and is taken from its artefacts
seeds: env
	$(PY) -m lib.seeds --released 0 1 2

studies: env
	$(PY) -m lib.run 08_robustness
	$(PY) -m lib.run 09_ablations
	@$(PY) -m lib.report.index

params: env
	@$(PY) conf/compose.py

clean-notebooks: env
	@$(PY) -m lib.canonical notebooks/*.ipynb

test: lint unit series experiments lock

lint: env
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

unit: env
	$(DVC) pull --quiet data
	$(PY) -m pytest -m "not slow"

# what trains, or is killed, filled up and begun again, over and over
slow: env
	$(PY) -m pytest -m slow

# The committed tree as a stranger gets it: its own lib, its own data from the store, nothing left over from here. nbval
# runs the notebooks in their order, each on what the one before it has just made, and compares what they print.
series: env
	@[ -z "$$(git status --porcelain)" ] || echo "note: the working tree has changes; the series below tests what is committed"
	clone=$$(mktemp -d); trap 'rm -rf "$$clone"' EXIT; \
	git clone --quiet "$(CURDIR)" "$$clone/tree"; cd "$$clone/tree"; export PYTHONPATH="$$PWD"; \
	$(DVC) cache dir --local "$(CURDIR)/.dvc/cache"; \
	$(DVC) pull --quiet data; \
	$(PY) -m pytest --nbval --nbval-current-env --nbval-cell-timeout=300 -p no:cacheprovider reports/smoke

# `+experiment=pix3d` and `+experiment=folder` on tiny datasets that lie elsewhere, all stages each
experiments: env
	$(PY) -m pytest -m slow tests/test_experiments.py

lock: env
	@out=$$($(DVC) repro --dry --allow-missing 2>&1) || { echo "$$out"; exit 1; }; \
	stale=$$(sed -n "s/^Running stage '\(.*\)':.*/\1/p" <<<"$$out" | paste -sd' ' -); \
	if [ -n "$$stale" ]; then \
	  echo "dvc.lock is out of date for: $$stale. Run 'make repro' and commit dvc.lock with what it changed."; exit 1; \
	fi; \
	echo "dvc.lock fits the tree."
