# One place for every command; a person and CI call the same targets.
PYTHON ?= python3
UV := .tools/bin/uv
export UV_PYTHON_DOWNLOADS = never
export UV_PYTHON = $(PYTHON)
RUN := $(UV) run --frozen --no-sync
TORCH := .venv-torch/bin/python
# Threads that spin while they wait take the cores from the others.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: setup demo test test-comfyui test-comfyui-install comfyui-pack test-studio studio-page check format bench docs weights clean

demo: setup  ## make demo.mp4 from the bundled portrait and recording
	$(RUN) sonic demo --out demo.mp4

# A process a core, four at most: each loads the face model anew.
SPREAD ?= -n auto --maxprocesses 4 --dist worksteal
QUICK := and not slow
test: setup .venv-torch/.locked  ## the tests but for a few slow ones: the base install's, then those of svd and training
	$(RUN) pytest $(SPREAD) -m "not svd and not train $(QUICK)"
	$(TORCH) -m pytest $(SPREAD) -m "(svd or train) $(QUICK)"

# The nodes in a real server, on the CPU: make test-comfyui COMFYUI_DIR=ComfyUI COMFYUI_PYTHON=ComfyUI/venv/bin/python
# The browser tests need a Chromium on the path or in CHROMIUM; their screenshots are left in build/comfyui.
COMFYUI_PYTHON ?= $(COMFYUI_DIR)/.venv/bin/python
FRONT_ENDS ?= 1.27.10 1.48.7 1.58.1
test-comfyui: setup $(FRONT_ENDS:%=.tools/front-ends/%)  ## the nodes in a ComfyUI with sonic-talk in its Python: every workflow, in three front ends
	COMFYUI_DIR=$(abspath $(COMFYUI_DIR)) COMFYUI_PYTHON=$(abspath $(COMFYUI_PYTHON)) \
	COMFYUI_FRONT_ENDS=$(abspath .tools/front-ends) COMFYUI_PICTURES=$(abspath build/comfyui) \
	$(RUN) --with 'playwright>=1.50' python -m pytest -n 0 -rs tests/comfyui

# The pack's ZIP and a clone of it in a ComfyUI whose Python has no sonic-talk, and which stays as it is:
# make test-comfyui-install COMFYUI_DIR=ComfyUI COMFYUI_PYTHON=ComfyUI/venv/bin/python NEIGHBOURS=ComfyUI-VideoHelperSuite
test-comfyui-install: comfyui-pack  ## the pack installed as people install it, beside the packs in NEIGHBOURS
	COMFYUI_DIR=$(abspath $(COMFYUI_DIR)) COMFYUI_CLEAN_PYTHON=$(abspath $(COMFYUI_PYTHON)) \
	COMFYUI_PACK=$(abspath dist/sonic-talk-nodes.zip) COMFYUI_NEIGHBOURS="$(abspath $(NEIGHBOURS))" \
	$(RUN) python -m pytest -n 0 -rs tests/comfyui/test_install.py

comfyui-pack: setup  ## the nodes as a ZIP for ComfyUI's custom_nodes, with this platform's wheel: dist/sonic-talk-nodes.zip
	rm -rf dist
	$(UV) build --quiet --wheel --out-dir dist
	$(PYTHON) recipes/comfyui/make_pack.py dist/sonic-talk-nodes dist/*.whl

.tools/front-ends/%:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --target $@ comfyui-frontend-package==$*

# The page of the studio in a Chromium on the path or in CHROMIUM; screenshots are left in build/studio.
AXE = .tools/axe/node_modules/axe-core/axe.min.js
test-studio: setup $(AXE)  ## the page of `sonic studio` in a browser: the whole journey, two languages, a phone, accessibility
	STUDIO_AXE=$(abspath $(AXE)) STUDIO_PICTURES=$(abspath build/studio) \
	$(RUN) --with 'playwright>=1.50' python -m pytest -n 0 -rs tests/apps/studio/test_browser.py

$(AXE):
	npm install --silent --no-audit --no-fund --prefix .tools/axe axe-core@4.14.1 || echo "no axe-core: accessibility is not checked"

studio-page:  ## build the page from studio-web into the package; needs node
	npm --prefix studio-web ci --silent --no-audit --no-fund
	npm --prefix studio-web run --silent check
	npm --prefix studio-web run --silent build

check: setup  ## everything a commit must pass
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(MAKE) test QUICK=

format: setup
	$(RUN) ruff check --fix
	$(RUN) ruff format

bench: setup  ## speed, memory and quality figures of this machine
	$(RUN) python bench/run.py

docs: $(UV)  ## the documentation site in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(UV) run --frozen --isolated --only-group docs python docs/make_site.py

WORK ?= training
weights: .venv-torch/.locked  ## the shipped recipe from end to end: make weights CLIPS=grid SPEECH=speechocean762
	.venv-torch/bin/sonic train all $(CLIPS) $(if $(SPEECH),--speech $(SPEECH)) --work $(WORK)

setup: .venv/.locked

# uv is itself a wheel: pip fetches it into .tools, and it builds .venv from the lock file.
$(UV):
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --target .tools uv==0.13.9

.venv/.locked: uv.lock pyproject.toml build_kernels.py src/sonic/engines/light/renderers/warp/kernels.c | $(UV)
	$(UV) sync --frozen --group dev
	touch $@

# The extras gpu and train. torch comes by pip, in the locked version, because pip also takes a CPU build, a quarter of
# the size, from wherever it is told to look (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL); the rest comes from the lock file.
EXPORT = $(UV) export --quiet --frozen --no-emit-project --no-hashes --no-annotate --group dev --extra gpu --extra train
.venv-torch/.locked: uv.lock pyproject.toml build_kernels.py src/sonic/engines/light/renderers/warp/kernels.c | $(UV)
	$(UV) venv --quiet --clear .venv-torch
	$(EXPORT) | sed -n 's/^\(torch==[^ ;]*\).*/\1/p' > .venv-torch/torch.txt
	$(EXPORT) --prune torch > .venv-torch/others.txt
	$(UV) pip install --quiet --python $(TORCH) --requirement .venv-torch/others.txt
	$(PYTHON) -m pip --quiet --disable-pip-version-check --python $(TORCH) install --requirement .venv-torch/torch.txt
	$(UV) pip install --quiet --python $(TORCH) --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .venv-torch .tools build dist
