"""`python -m tools.benchmark.jax_peer`: raw files → test accuracy by JAX, `jit` over `lax.scan`, in float32.

The same images, pixels, batch size, epochs and steps as the stages take: what a team that leaves PyTorch could expect.
"""

import math
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp
from jax.tree_util import tree_map
from numpy.typing import NDArray

from linear_classifier.data.splits import Split
from linear_classifier.io.console import open_console
from linear_classifier.params import TrainParams, load_params
from linear_classifier.preparation.fashion_mnist import FILES, load_raw_files
from linear_classifier.preparation.idx import parse_idx
from linear_classifier.preparation.stratify import split_train_val

Arrays = tuple[Array, Array]  # images (n, pixels), labels (n,)
Weights = tuple[Array, Array]  # weight (pixels, classes), bias (classes,)


def loss(weights: Weights, images: Array, labels: Array) -> Array:
    """Mean cross-entropy in nats of `images` `(batch, pixels)`."""
    logits = images @ weights[0] + weights[1]
    return jnp.mean(logsumexp(logits, axis=1) - jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0])


@partial(jax.jit, static_argnames="params")
def run_epoch(
    state: tuple[Weights, Weights], number: Array, train: Arrays, val: Arrays, params: TrainParams
) -> tuple[tuple[Weights, Weights], Array]:
    """Weights and momentum after epoch `number`, counted from 0, and the loss on val."""
    images, labels = train
    lr = params.lr * (1 + jnp.cos(jnp.pi * number / params.epochs)) / 2

    def step(state: tuple[Weights, Weights], batch: Array) -> tuple[tuple[Weights, Weights], None]:
        weights, momentum = state
        gradient = jax.grad(loss)(weights, images[batch], labels[batch])
        momentum = tree_map(
            lambda m, g, w: params.momentum * m + g + params.weight_decay * w, momentum, gradient, weights
        )
        return (tree_map(lambda w, m: w - lr * m, weights, momentum), momentum), None

    num_batches = len(labels) // params.batch_size
    order = jax.random.permutation(jax.random.key(number), len(labels))[: num_batches * params.batch_size]
    state, _ = jax.lax.scan(step, state, order.reshape(num_batches, params.batch_size))
    return state, loss(state[0], *val)


def build_table(images: NDArray[np.uint8], gamma: float) -> NDArray[np.float32]:
    """The pixel table `(256,)` of grey images."""
    values, counts = (np.arange(256) / 255) ** gamma, np.bincount(images.ravel(), minlength=256)
    mean = np.average(values, weights=counts)
    return np.asarray((values - mean) / np.sqrt(np.average((values - mean) ** 2, weights=counts)), np.float32)


def main() -> None:
    params = load_params(Path("params.yaml"))
    contents = load_raw_files(Path("data/raw/fashion-mnist"), params.prepare.source)
    arrays = [parse_idx(contents[file.name], file.shape) for file in FILES]
    official_train, test = (Split(images, labels.astype(np.int64)) for images, labels in (arrays[:2], arrays[2:]))
    splits = (*split_train_val(official_train, params.prepare.val_fraction, params.prepare.seed), test)
    table = build_table(np.asarray(splits[0].images), params.train.gamma)
    train, val, test_arrays = (
        (jnp.asarray(table[np.asarray(split.images).reshape(len(split), -1)]), jnp.asarray(split.labels, jnp.int32))
        for split in splits
    )

    zeros = jnp.zeros((784, 10)), jnp.zeros(10)
    state, best = (zeros, zeros), (math.inf, zeros)
    for number in range(params.train.epochs):
        state, val_loss = run_epoch(state, jnp.asarray(number), train, val, params.train)
        best = min(best, (float(val_loss), state[0]), key=lambda each: each[0])
    predicted = (test_arrays[0] @ best[1][0] + best[1][1]).argmax(axis=1)
    print(float((predicted == test_arrays[1]).mean()))


if __name__ == "__main__":
    open_console()
    main()
