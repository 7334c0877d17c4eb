# One place for every command; a person and CI call the same targets.
PYTHON ?= python3
UV := .tools/bin/uv
export UV_PYTHON_DOWNLOADS = never
export UV_PYTHON = $(PYTHON)
RUN := $(UV) run --frozen --no-sync
TRAIN := UV_PROJECT_ENVIRONMENT=.venv-train $(RUN)

.PHONY: setup demo test check format bench test-train weights clean

demo: setup  ## make demo.mp4 from the bundled portrait and recording
	$(RUN) sonic demo --out demo.mp4

test: setup  ## the tests
	$(RUN) pytest

check: setup  ## everything a commit must pass
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) pytest

format: setup
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: setup  ## speed, memory and quality figures of this machine
	$(RUN) python bench/run.py

test-train: .venv-train/.locked  ## the tests that need PyTorch, in an environment of their own
	$(TRAIN) pytest tests/test_train.py tests/test_train_networks.py

WORK ?= training
weights: .venv-train/.locked  ## the shipped recipe from end to end: make weights CLIPS=grid SPEECH=speechocean762
	$(TRAIN) sonic train all $(CLIPS) $(if $(SPEECH),--speech $(SPEECH)) --work $(WORK)

setup: .venv/.locked

# uv is itself a wheel: pip fetches it into .tools, and it builds .venv from the lock file.
$(UV):
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools uv==0.13.9

.venv/.locked: uv.lock pyproject.toml build_kernels.py src/sonic/render/kernels.c | $(UV)
	$(UV) sync --frozen --group dev
	touch $@

.venv-train/.locked: uv.lock pyproject.toml build_kernels.py src/sonic/render/kernels.c | $(UV)
	UV_PROJECT_ENVIRONMENT=.venv-train $(UV) sync --frozen --group dev --extra train
	touch $@

clean:
	rm -rf .venv .venv-train .tools build dist
