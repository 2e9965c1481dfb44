# The batch job as an image, for CPU and GPU hosts alike. Two ways to use it: docs/container.md.
#
# BASE takes any Python 3.11 on Debian 12, best by its digest: docker build --build-arg BASE=NAME@sha256:...
# VARIANT is cuda, or cpu: the same wheels without what only a GPU uses.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
FROM ${BASE}
ARG VARIANT=cuda

# Debian keeps one version of git: a pin would break with its next security update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && git config --system --add safe.directory /workspace \
    && groupadd --gid 10001 job \
    && useradd --uid 10001 --gid job --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin job

# Copied, not mounted: not every engine builds a layer anew when only what it mounts has changed.
COPY requirements.lock deploy/keep_mapped.py /app/deploy/
# One layer, so that what the cpu variant removes is in none. pip compiles to bytecode: nobody can at run time.
RUN pip install --no-cache-dir --root-user-action=ignore --require-hashes --requirement /app/deploy/requirements.lock \
    && if [ "$VARIANT" = cpu ]; then python /app/deploy/keep_mapped.py; fi

ENV PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DVC_NO_ANALYTICS=1
COPY .dvcignore LICENSE dvc.lock dvc.yaml params.yaml requirements.txt /app/
COPY linear_classifier/ /app/linear_classifier/
COPY stages/ /app/stages/
COPY tools/ /app/tools/
WORKDIR /workspace
USER 10001:10001

# The test of the build: what the stages import can be imported, by the user that will, from files nobody can change.
RUN ["python", "-c", "import torch, torchvision, dvc.cli; import stages.train, tools.job.__main__"]

ARG REVISION=unknown
LABEL org.opencontainers.image.title="fashion-mnist-job" \
      org.opencontainers.image.description="DVC pipeline: Fashion-MNIST to a versioned softmax regression, on CPU or CUDA" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"

ENTRYPOINT ["python", "-m", "tools.job"]
