"""Images of a source, whatever its layout → `data/prepared/`, in memory that hardly grows with their number."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from linear_classifier.data.splits import SPLITS, Dataset, save_dataset, save_split
from linear_classifier.params import PrepareParams
from linear_classifier.preparation.class_names import check_classes, natural_order
from linear_classifier.preparation.content_order import find_groups, sort_by_content, spread_repeats
from linear_classifier.preparation.decoding import Target
from linear_classifier.preparation.decoding_pool import decode_all
from linear_classifier.preparation.duplicates import describe_clashes, find_clashes, keep_one
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from linear_classifier.preparation.spool import Spool, one_line, open_spool
from linear_classifier.preparation.stratify import count_images, draw_splits


class Findings(NamedTuple):
    """What of a source is no image of the data set."""

    unusable: list[Unusable]
    passed_over: list[PassedOver]


class Arranged(NamedTuple):
    """The images that are kept, in order, and the split of each, both `(n,)`; how many pixel-equal ones there are."""

    indices: NDArray[np.uint32]
    splits: NDArray[np.int8]
    duplicates: dict[str, int]


def prepare_images(found: Iterable[Found], folder: Path, name: str, params: PrepareParams) -> tuple[Dataset, Findings]:
    """Write every split, and `dataset.json` last, to `folder`.

    Raises:
        ValueError: there is no image; or, all of them at once: there are images that cannot be used, pixel-equal ones
            where they may not be, classes too small or with names that cannot be. A note names each.
        RuntimeError: a worker that decodes was killed or hangs, or the disk has not enough room.
    """
    height, width = params.image_size
    target = Target(height, width, params.channels, params.resize)
    findings = Findings([], [])
    with open_spool(folder.parent, target.num_bytes, params.seed) as spool:
        _fill(spool, found, target, findings)
        indices, splits, duplicates = _check_and_arrange(spool, findings, params)
        dataset = Dataset(
            name=name,
            class_names=spool.class_names,
            image_shape=[target.channels, target.height, target.width],
            counts=count_images(spool.labels[indices], splits, len(spool.class_names)),
            sources=spool.sha256,
            skipped=[list(item) for item in findings.unusable],
            duplicates=duplicates,
        )
        _write(spool, indices, splits, dataset, folder)
    return dataset, findings


def _fill(spool: Spool, found: Iterable[Found], target: Target, findings: Findings) -> None:
    """Decode every image into `spool`; what else there is goes to `findings`."""
    with closing(decode_all(_only_images(found, findings), target)) as outcomes:
        for image, outcome in tqdm(outcomes, desc="prepare", unit=" images", disable=None):
            if isinstance(outcome, str):
                findings.unusable.append(Unusable(one_line(image.path), outcome))
                spool.counts[image.label] += 0  # its class is not to vanish unseen
            else:
                spool.append(image, outcome)
    findings.unusable.sort()


def _only_images(found: Iterable[Found], findings: Findings) -> Iterator[SourceImage]:
    for item in found:
        if isinstance(item, SourceImage):
            yield item
        elif isinstance(item, Unusable):
            findings.unusable.append(Unusable(one_line(item.path), item.reason))
        else:
            findings.passed_over.append(PassedOver(one_line(item.path), item.reason))


def _check_and_arrange(spool: Spool, findings: Findings, params: PrepareParams) -> Arranged:
    """As `_arrange`. What is wrong is not raised at first sight, so that one run tells it all."""
    problems: list[ValueError] = []
    if findings.unusable and params.unreadable == "refuse":
        problems.append(_describe_unusable(findings.unusable))
    if not spool.counts.total():
        problems.append(ValueError("no image was found in prepare.source; docs/own-images.md says where to put them"))
        raise _merge(problems)
    with _collecting(problems):
        check_classes(spool.counts)
    spool.seal(natural_order(spool.class_names))
    with _collecting(problems):
        arranged = _arrange(spool, params)
    if problems:
        raise _merge(problems)
    return arranged


@contextmanager
def _collecting(problems: list[ValueError]) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        problems.append(error)


def _merge(problems: list[ValueError]) -> ValueError:
    error = ValueError("; and ".join(map(str, problems)))
    for problem in problems:
        for note in getattr(problem, "__notes__", []):
            error.add_note(note)
    return error


def _describe_unusable(unusable: list[Unusable]) -> ValueError:
    error = ValueError(
        f"{len(unusable)} images cannot be used, see above; fix or remove them, or set prepare.unreadable to skip"
    )
    for path, reason in unusable:
        error.add_note(f"{path}: {reason}")
    return error


def _arrange(spool: Spool, params: PrepareParams) -> Arranged:
    order = sort_by_content(spool)
    num_repeats, num_images = int(order.is_repeat.sum()), len(order.indices)
    if params.duplicates == "drop" and num_repeats:
        order = order.select(keep_one(order, spool.labels[order.indices]))
    labels = spool.labels[order.indices]
    fractions = {"test": params.test_fraction, "val": params.val_fraction}
    splits = draw_splits(labels, spool.splits[order.indices], order.keys, spool.class_names, fractions)
    groups = find_groups(order.is_repeat)
    in_two_splits = find_clashes(order.is_repeat, groups, splits)
    with_two_labels = find_clashes(order.is_repeat, groups, labels)
    clashes = groups[np.union1d(in_two_splits, with_two_labels)]
    if params.duplicates == "refuse" and len(clashes):
        _refuse_clashes(describe_clashes(spool, order, clashes, splits), len(clashes))
    report = {
        "repeats": num_repeats,
        "groups_in_two_splits": len(in_two_splits),
        "groups_with_two_labels": len(with_two_labels),
        "dropped": num_images - len(order.indices),
    }
    if not num_repeats:
        return Arranged(order.indices, splits, report)
    places = spread_repeats(order)
    return Arranged(order.indices[places], splits[places], report)


def _refuse_clashes(lines: list[str], count: int) -> None:
    error = ValueError(
        f"{count} images are there again, pixel by pixel, in another split or with another label, see above; remove "
        "them, or set prepare.duplicates to drop or allow"
    )
    for line in lines:
        error.add_note(line)
    raise error


def _write(spool: Spool, indices: NDArray[np.uint32], splits: NDArray[np.int8], dataset: Dataset, folder: Path) -> None:
    _check_free_space(folder.parent, len(splits) * (spool.image_bytes + 8))
    for index, name in enumerate(SPLITS):
        chosen = indices[splits == index]
        save_split(folder / name, spool.read(chosen), spool.labels[chosen], dataset.image_shape)
    save_dataset(folder, dataset)


def _check_free_space(folder: Path, needed: int) -> None:
    disk = shutil.disk_usage(folder)
    if disk.total and disk.free < needed:  # a disk that says nothing of itself says 0 of all
        raise RuntimeError(
            f"{folder}: {disk.free / 1e9:.1f} GB free, but the prepared images take {needed / 1e9:.1f} GB; make room, "
            "and run it again"
        )
