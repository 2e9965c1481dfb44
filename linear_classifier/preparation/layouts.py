"""Which layout a source has, and the images in it, not decoded yet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from linear_classifier.preparation.archives import is_archive, open_archive
from linear_classifier.preparation.class_folders import find_class_folders
from linear_classifier.preparation.idx_sets import IDX_NAME, find_idx
from linear_classifier.preparation.image_metadata import find_listed_images
from linear_classifier.preparation.manifest_images import find_manifest_images
from linear_classifier.preparation.npz import find_npz
from linear_classifier.preparation.source_image import Found
from linear_classifier.preparation.source_names import TABLE_SUFFIXES, list_some, suffix_of
from linear_classifier.preparation.source_survey import Survey, strip_top, survey
from linear_classifier.preparation.source_tree import Entry, SourceFile, SourceFolder, Tree, open_folder
from linear_classifier.preparation.web_dataset import find_pairs

Layout = Literal["folder", "manifest", "idx", "npz"]
EXPECTED = (
    "expected a folder a class (cat/1.png, or train/cat/1.png), metadata.csv or metadata.jsonl with file_name and "
    "label, WebDataset's pairs (1.png, 1.cls), or a tar or zip of one of these"
)


def find_images(dataset: Layout, source: Path) -> Iterator[Found]:
    """Every image of `source`, each not decoded yet, what cannot be used, and what is passed over, in one fixed order.

    Raises:
        ValueError: `source` is not there, has no such layout, or is damaged, or its classes cannot be used.
        OSError: it cannot be read.
    """
    if not source.exists():
        raise ValueError(f"{source}: not found; name the images' place in params.yaml as prepare.source")
    finders: dict[str, Callable[[Path], Iterator[Found]]] = {
        "folder": _find_in_folder,
        "manifest": _find_in_manifest,
        "idx": find_idx,
        "npz": find_npz,
    }
    return finders[dataset](source)


def _find_in_folder(source: Path) -> Iterator[Found]:
    tree, found = _open_tree(source)
    metadata = [path for path in found.tables if path.rpartition("/")[2].lower().startswith("metadata.")]
    if metadata:
        return find_listed_images(tree, metadata, is_manifest=False)
    if found.has_pairs:
        return find_pairs(tree)
    if not found.folders.total():
        names = list_some(found.first, len(found.first))
        what = f", but {names}" if names else ""
        raise ValueError(f"{source}: no images found{what}; {EXPECTED}{_name_layout(source, found.first)}")
    return find_class_folders(tree, found)


def _find_in_manifest(source: Path) -> Iterator[Found]:
    if not source.is_dir() and (suffix_of(source.name) in TABLE_SUFFIXES or not is_archive(source)):
        return find_manifest_images(source)
    tree, found = _open_tree(source)
    named = [path for path in found.tables if path.lower().startswith(("manifest.", "metadata."))]
    tables = named if len(named) == 1 else found.tables
    if len(tables) != 1:
        raise ValueError(
            f"{source}: {len(tables)} manifests ({list_some(tables or found.first, len(tables))}), expected one .csv, "
            ".jsonl or .parquet beside the images; name it as prepare.source, or manifest.csv"
        )
    return find_listed_images(tree, tables, is_manifest=True)


def _open_tree(source: Path) -> tuple[Tree, Survey]:
    """The files of `source`: a folder, an archive, or a folder of nothing but archives, which are read as one."""
    if not source.is_dir():
        if not is_archive(source) and source.stat().st_size:
            raise ValueError(f"{source}: neither a folder nor a tar or zip; {EXPECTED}{_name_layout(source, [])}")
        tree = open_archive(source, source.name)
        return strip_top(tree, survey(tree))
    tree = open_folder(source)
    found = survey(tree)
    if found.archives and not found.num_images and not _has_idx(found.archives):
        tree = Tree(source, lambda: _walk_shards(source, shards))
        shards = {path: open_archive(source / path, path) for path in found.archives}
        return strip_top(tree, survey(tree))
    return tree, found


def _name_layout(source: Path, names: list[str]) -> str:
    """The command that names another layout, if `source`, with files of `names`, looks like one; else ""."""
    suffix = suffix_of(source.name)
    layout = "npz" if suffix == ".npz" else "manifest" if suffix in TABLE_SUFFIXES else "idx" if _has_idx(names) else ""
    return f'; or run `make use-images SOURCE={source} ARGS="--dataset {layout}"`' if layout else ""


def _has_idx(paths: list[str]) -> bool:
    return any(IDX_NAME.fullmatch(path.rpartition("/")[2]) for path in paths)


def _walk_shards(source: Path, shards: dict[str, Tree]) -> Iterator[Entry]:
    """Every entry of the folder `source`, those of its archives as if they were unpacked where they lie."""
    for entry in open_folder(source).walk():
        if isinstance(entry, SourceFile) and entry.path in shards:
            folder = entry.path.rpartition("/")[0]
            for inner in shards[entry.path].walk():
                is_placed = isinstance(inner, SourceFile | SourceFolder)
                yield inner._replace(path=f"{folder}/{inner.path}") if folder and is_placed else inner
        else:
            yield entry
