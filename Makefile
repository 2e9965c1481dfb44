PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

# of make base-results and make compare, whose further options go in ARGS
BASE ?= main

.DEFAULT_GOAL := repro
.PHONY: repro job setup hooks test check format check-committed reproduce base-results use-images faults compare bench lock image image-run image-test \
	image-full-test sbom help clean

PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

CONTAINER_ENGINE ?= docker
VARIANT ?= cuda
IMAGE ?= fashion-mnist-job
BUILD ?= $(CONTAINER_ENGINE) build --tag
BASE_IMAGE ?= $(shell sed -n "s/^FROM //p" deploy/base/Dockerfile)
LOCKED_DOWN := --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp:size=64m

repro: .venv/.runs ## set up what is missing, run the pipeline, show the metrics (the default)
	@$(BIN)/dvc repro
	@$(BIN)/python -m tools.show

job: .venv/.runs ## the same, for machines nobody watches: checked, locked, verified (see tools/job/)
	@$(BIN)/python -m tools.job

setup: .venv/.checks ## set up everything, the tools too

hooks: .venv/.checks ## have git run the quick checks at each commit and push
	$(BIN)/pre-commit install

test: .venv/.checks ## pass the whole test suite
	$(PYTEST)

check: .venv/.checks ## format, lint, strict types, Dockerfile, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile deploy/base/Dockerfile
	$(PYTEST)

format: .venv/.checks ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check-committed: .venv/.runs ## refuse a stale dvc.lock, and metrics that are missing, damaged or not finite
	@$(BIN)/python -m tools.check_committed

reproduce: .venv/.runs ## make everything again, and refuse if a byte is not what is committed
	@$(BIN)/python -m tools.reproduce

base-results: .venv/.runs ## have the results of another commit in the DVC cache, to compare with: make base-results BASE=main
	@$(BIN)/python -m tools.base_results $(BASE)

use-images: .venv/.runs ## make images of your own the pipeline's: make use-images SOURCE=images (see docs/own-images.md)
	@$(BIN)/python -m tools.use_images $(SOURCE) $(ARGS)

faults: .venv/.checks ## make each of the 58 faults happen, and print a row for each
	@$(BIN)/python -m tests.faults

compare: .venv/.checks ## say what this workspace, or HEAD=…, did to the metrics of BASE=main
	@$(BIN)/python -m tools.compare $(BASE) $(HEAD) $(ARGS)

bench: .venv/.checks ## measure speed and memory, against the textbook loop and scikit-learn
	$(BIN)/python -m tools.benchmark

lock: .venv/.checks ## requirements.lock anew: every package that requirements.txt needs, exactly and with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --output-file requirements.lock requirements.txt

image: ## build the image; VARIANT=cpu for one that cannot use a GPU, CONTAINER_ENGINE=podman for podman
	$(BUILD) $(IMAGE):$(VARIANT) . --build-arg BASE=$(BASE_IMAGE) --build-arg VARIANT=$(VARIANT) \
		--build-arg REVISION=$(shell git rev-parse HEAD)

image-run: ## run the pipeline of this clone in the image; GPUS='--gpus all' on a GPU host
	$(CONTAINER_ENGINE) run --rm $(LOCKED_DOWN) --user $(shell id -u):$(shell id -g) $(GPUS) \
		--volume "$(CURDIR):/workspace" $(IMAGE):$(VARIANT)

image-test: .venv/.checks ## test the image, in real containers
	CONTAINER_ENGINE="$(CONTAINER_ENGINE)" TEST_IMAGE=$(IMAGE):$(VARIANT) $(PYTEST) tests/container

image-full-test: image image-test ## build the CUDA image and test it: takes 25 GB of free disk

sbom: .venv/.checks ## build/sbom.spdx.json: what is in the image
	@mkdir -p build
	$(CONTAINER_ENGINE) save --output build/image.tar $(IMAGE):$(VARIANT)
	$(BIN)/syft scan --quiet --output spdx-json=build/sbom.spdx.json docker-archive:build/image.tar
	@rm build/image.tar

clean: ## remove the virtual environment and the tools' caches; data, models and the DVC cache stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

.venv/.runs: requirements.txt
	@echo "installing PyTorch, TorchVision and DVC into .venv: this takes some minutes"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/.checks: requirements-dev.txt .venv/.runs
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@
