# The Python of .venv: where none is named, the newest of 3.11 to 3.14 on this machine
PYTHON ?=
# of make base-results and make compare, whose further options go in ARGS, split at blanks
BASE ?= main
HEAD ?=
ARGS ?=
SOURCE ?=
# of make bench: one or several of its parts
PART ?=

CONTAINER_ENGINE ?= docker
VARIANT ?= cuda
IMAGE ?= fashion-mnist-job
BUILD ?= $(CONTAINER_ENGINE) build --tag
BASE_IMAGE ?= $(shell sed -n "s/^FROM //p" deploy/base/Dockerfile)
LOCKED_DOWN := --network none --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp:size=64m

# What a user writes is text: make expands no $ in it, and the shell gets it as a variable, not as a part of a command.
override PYTHON := $(value PYTHON)
override BASE := $(value BASE)
override HEAD := $(value HEAD)
override ARGS := $(value ARGS)
override SOURCE := $(value SOURCE)
override PART := $(value PART)
override IMAGE := $(value IMAGE)
override VARIANT := $(value VARIANT)
export PYTHON BASE HEAD ARGS SOURCE PART IMAGE VARIANT

BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(value PATH)
export DVC_NO_ANALYTICS := 1
# Other modules than those of .venv and of this folder
unexport PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONPLATLIBDIR PYTHONUSERBASE

.DEFAULT_GOAL := repro
.PHONY: repro job setup hooks test check format check-committed reproduce base-results use-images faults compare calibrate bench gpu-test lock image image-run image-test \
	image-full-test sbom help clean

PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

##@ Run it

repro: .venv/.runs ## set up what is missing, run the pipeline, show the metrics: what `make` does
	@$(BIN)/python -m dvc repro
	@$(BIN)/python -m tools.show

job: .venv/.runs ## the same for machines that nobody watches: checked, locked, verified
	@$(BIN)/python -m tools.job

##@ Change it

setup: .venv/.checks ## make .venv, with the tools for what is below; PYTHON=python3.12 names its Python

test: .venv/.checks ## run the whole test suite
	$(PYTEST)

check: .venv/.checks ## format, lint, strict types, Dockerfile, tests
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/hadolint Dockerfile deploy/base/Dockerfile
	$(PYTEST)

use-images: .venv/.runs ## make images of your own the pipeline's: SOURCE=images
	@set -f; $(BIN)/python -m tools.use_images $$ARGS -- "$$SOURCE"

format: .venv/.checks ## format the code
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

faults: .venv/.checks ## make each fault of tests/faults/FAULTS.md happen, and print a row for each
	@$(BIN)/python -m tests.faults

hooks: .venv/.checks ## let git run the quick checks at each commit and push
	$(BIN)/python -m pre_commit install

lock: .venv/.checks # write requirements.lock: every package that requirements.txt needs, with hashes
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
		--custom-compile-command "make lock ($$(grep -v '^#' requirements.txt | paste -sd ' ' -))" \
		--output-file requirements.lock requirements.txt

clean: ## remove .venv and the tools' caches; data, models and the DVC cache stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build

##@ Look at its results

check-committed: .venv/.runs ## refuse a stale dvc.lock, and metrics that are missing, damaged or not finite
	@$(BIN)/python -m tools.check_committed

reproduce: .venv/.runs ## run every stage again, and refuse if one byte differs from what is committed
	@$(BIN)/python -m tools.reproduce

base-results: .venv/.runs ## bring the results of BASE=main into the DVC cache, to compare with
	@$(BIN)/python -m tools.base_results "$$BASE"

compare: .venv/.checks ## say what this workspace, or HEAD=..., did to the metrics of BASE=main
	@set -f; $(BIN)/python -m tools.compare $$ARGS -- "$$BASE" $${HEAD:+"$$HEAD"}

calibrate: .venv/.checks
	$(BIN)/python -m tools.compare.calibrate $$ARGS

bench: .venv/.checks ## measure speed and memory, beside other libraries; PART=scale: 6 million images
	@set -f; $(BIN)/python -m tools.benchmark $$ARGS $$PART

gpu-test: .venv/.checks ## test, compare with the CPU and measure on this machine's GPU: build/gpu.txt
	@$(BIN)/python -m tools.check_gpu

##@ Its image

image: ## build the image; VARIANT=cpu: without CUDA; CONTAINER_ENGINE=podman: by podman
	$(BUILD) "$$IMAGE:$$VARIANT" . --build-arg BASE=$(BASE_IMAGE) --build-arg VARIANT="$$VARIANT" \
		--build-arg REVISION="$$(git rev-parse HEAD)"

image-run: ## run the pipeline of this clone in the image; GPUS='--gpus all' on a GPU host
	$(CONTAINER_ENGINE) run --rm $(LOCKED_DOWN) --user "$$(id -u):$$(id -g)" $(GPUS) \
		--volume "$$PWD:/workspace" "$$IMAGE:$$VARIANT"

image-test: .venv/.checks ## test the image, in real containers
	CONTAINER_ENGINE="$(CONTAINER_ENGINE)" TEST_IMAGE="$$IMAGE:$$VARIANT" $(PYTEST) tests/container

image-full-test: image image-test # takes 25 GB of free disk

sbom: .venv/.checks ## list what is in the image, in build/sbom.spdx.json
	@mkdir -p build
	$(CONTAINER_ENGINE) save --output build/image.tar "$$IMAGE:$$VARIANT"
	$(BIN)/syft scan --quiet --output spdx-json=build/sbom.spdx.json docker-archive:build/image.tar
	@rm build/image.tar

help:
	@sed -nE 's/^([a-z-]+):.*## /  \1\t/p; s/^##@ (.*)/\1/p' Makefile | expand -t 19

.venv/.runs .venv/.checks: ALWAYS # setup/ knows what is stale; what it starts is given no Python of make's own
	@sh setup/find_python.sh $(@:.venv/.%=%)

ALWAYS:
