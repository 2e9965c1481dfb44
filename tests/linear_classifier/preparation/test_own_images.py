"""From images to splits: what is given is kept, what is missing is drawn, and the content alone makes the bytes."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import types
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linear_classifier.data.splits import SPLITS, load_dataset, load_split
from linear_classifier.preparation import spool
from linear_classifier.preparation.source_image import Found, PassedOver, SourceImage, Unusable
from tests.linear_classifier.preparation.own import image, notes_of, prepare
from tests.processes import ROOT

TWO_CLASSES = [image(number, "ab"[number % 2]) for number in range(100)]


def test_prepare_images_writes_what_load_split_reads(tmp_path: Path) -> None:
    made = prepare(tmp_path, TWO_CLASSES)
    dataset = load_dataset(tmp_path / "prepared")
    assert dataset == made.dataset
    assert (dataset.name, dataset.class_names, dataset.image_shape) == ("small", ["a", "b"], [1, 3, 2])
    for name in SPLITS:
        assert len(load_split(tmp_path / "prepared", name, dataset)) == sum(dataset.counts[name])
    assert sorted(pair for split in made.splits.values() for pair in split) == [(n, "ab"[n % 2]) for n in range(100)]


def test_prepare_images_draws_test_and_then_val_of_every_class(tmp_path: Path) -> None:
    found = [image(number, "a" if number < 50 else "b") for number in range(80)]
    counts = prepare(tmp_path, found, test_fraction=0.2, val_fraction=0.1).dataset.counts
    assert counts == {"train": [36, 22], "val": [4, 2], "test": [10, 6]}


def test_prepare_images_gives_the_same_bytes_in_whatever_order_and_by_whatever_paths_they_come(tmp_path: Path) -> None:
    first = prepare(tmp_path / "1", TWO_CLASSES)
    other = [found._replace(path=f"elsewhere/{index}") for index, found in enumerate(TWO_CLASSES)]
    random.Random(0).shuffle(other)
    second = prepare(tmp_path / "2", other)
    assert first.files == second.files and first.dataset == second.dataset


def test_prepare_images_shuffles_by_the_seed(tmp_path: Path) -> None:
    made = [prepare(tmp_path / str(seed), TWO_CLASSES, seed=seed) for seed in (0, 1, 2**31 - 1)]
    orders = [each.numbers("train") for each in made]
    assert all(order != sorted(order) for order in orders)
    assert len({tuple(order) for order in orders}) == len({tuple(sorted(order)) for order in orders}) == 3
    assert len({each.dataset.sources for each in made}) == 1


def test_prepare_images_mixes_the_classes(tmp_path: Path) -> None:
    made = prepare(tmp_path, [image(number, "a" if number < 500 else "b") for number in range(1000)])
    labels = [label for _, label in made.splits["train"]]
    assert 0.3 < np.mean([before != after for before, after in pairwise(labels)]) < 0.7


def test_the_digest_of_the_sources_depends_on_pixels_labels_and_given_splits(tmp_path: Path) -> None:
    variants = [
        TWO_CLASSES,
        TWO_CLASSES[:-1],
        [*TWO_CLASSES[:-1], image(1000, "b")],
        [*TWO_CLASSES[:-1], image(99, "a")],
        [*TWO_CLASSES[:-1], image(99, "b", "train")],
    ]
    digests = {prepare(tmp_path / str(index), found).dataset.sources for index, found in enumerate(variants)}
    assert len(digests) == len(variants)


GIVEN = {
    "train and test": ({"train", "test"}, {"val": (30, 3)}),
    "train and val": ({"train", "val"}, {"test": (30, 6)}),
    "train": ({"train"}, {"test": (30, 6), "val": (24, 2)}),
    "all": ({"train", "val", "test"}, {}),
}


@pytest.mark.parametrize("case", GIVEN)
def test_prepare_images_keeps_the_splits_that_are_given_and_draws_the_others_from_train(
    case: str, tmp_path: Path
) -> None:
    given, drawn = GIVEN[case]
    names = sorted(given)
    found = [
        image(1000 * index + number, "ab"[number % 2], name)  # type: ignore[arg-type]
        for index, name in enumerate(names)
        for number in range(60)
    ]
    made = prepare(tmp_path, found)
    for index, name in enumerate(names):
        mine = {number for number in made.numbers(name) if number // 1000 == index}
        assert len(mine) == 60 - (2 * sum(count for _, count in drawn.values()) if name == "train" else 0)
    for name, (_, count) in drawn.items():
        assert made.dataset.counts[name] == [count, count]
        assert {number // 1000 for number in made.numbers(name)} == {names.index("train")}


def test_prepare_images_takes_images_without_a_split_for_train(tmp_path: Path) -> None:
    found = [*TWO_CLASSES, *(image(1000 + n, "ab"[n % 2], "test") for n in range(10))]
    made = prepare(tmp_path, found, val_fraction=0.1)
    assert made.dataset.counts == {"train": [45, 45], "val": [5, 5], "test": [5, 5]}


def test_prepare_images_names_every_class_that_is_too_small(tmp_path: Path) -> None:
    found = [*TWO_CLASSES, image(200, "one"), *(image(300 + n, "three") for n in range(3))]
    with pytest.raises(ValueError, match="a class is too small to be split") as caught:
        prepare(tmp_path, found)
    assert notes_of(caught.value) == [
        "class 'one': 1 images, none of them for test and val",
        "class 'three': 3 images, none of them for val",
    ]
    assert not (tmp_path / "prepared").exists()


def test_prepare_images_refuses_a_class_that_is_in_test_alone(tmp_path: Path) -> None:
    found = [*TWO_CLASSES, *(image(200 + n, "c", "test") for n in range(3))]
    with pytest.raises(ValueError, match="too small") as caught:
        prepare(tmp_path, found)
    assert notes_of(caught.value) == ["class 'c': 0 images, none of them for val and train"]


def test_prepare_images_has_the_classes_in_natural_order(tmp_path: Path) -> None:
    found = [image(number, str(number % 3 + 9)) for number in range(90)]
    assert prepare(tmp_path, found).dataset.class_names == ["9", "10", "11"]


def test_prepare_images_refuses_a_source_of_nothing_or_of_one_class(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no image was found"):
        prepare(tmp_path, [PassedOver(".hidden", "hidden")])
    with pytest.raises(ValueError, match="class"):
        prepare(tmp_path, [image(number) for number in range(50)])


# Images that cannot be used

BAD: list[Found] = [
    Unusable("b/odd\udcff", "its name is not UTF-8"),
    SourceImage("a/empty.png", "a", None, b""),
    SourceImage("a/new\nline.png", "a", None, b"text"),
]


def test_prepare_images_refuses_every_image_that_cannot_be_used_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"3 images cannot be used, see above; .*prepare.unreadable") as caught:
        prepare(tmp_path, [*BAD, *TWO_CLASSES])
    assert [note.split(": ", 1)[0] for note in notes_of(caught.value)] == [
        "a/empty.png",
        "a/new\\nline.png",
        "b/odd\\udcff",
    ]
    assert not (tmp_path / "prepared").exists()


def test_prepare_images_tells_in_one_run_all_that_is_wrong(tmp_path: Path) -> None:
    found = [BAD[1], *TWO_CLASSES, image(7, "a"), image(200, "one"), image(7, "b", "test"), image(8, "a", "test")]
    with pytest.raises(ValueError, match=r"1 images cannot be used.*; and a class is too small") as caught:
        prepare(tmp_path, found)
    assert [note.split(":")[0] for note in notes_of(caught.value)] == ["a/empty.png", "class 'one'"]
    with pytest.raises(ValueError, match=r"1 images cannot be used.*; and no image was found"):
        prepare(tmp_path, BAD[1:2])
    with pytest.raises(ValueError, match=r"1 images cannot be used.*; and .*class"):
        prepare(tmp_path, [BAD[1], *(image(number) for number in range(50))])


def test_prepare_images_lists_what_it_skips_and_puts_nothing_in_its_place(tmp_path: Path) -> None:
    made = prepare(tmp_path, [BAD[0], *TWO_CLASSES, *BAD[1:]], unreadable="skip")
    assert made.files == prepare(tmp_path / "without", TWO_CLASSES).files
    skipped = json.loads((tmp_path / "prepared/dataset.json").read_text())["skipped"]
    assert skipped[0] == ["a/empty.png", "it is empty"] and len(skipped) == 3


def test_prepare_images_names_a_class_of_which_nothing_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'gone' is empty"):
        prepare(tmp_path, [*TWO_CLASSES, SourceImage("gone/1.png", "gone", None, b"")], unreadable="skip")


def test_prepare_images_says_what_it_passed_over(tmp_path: Path) -> None:
    hidden = PassedOver("a/.DS_Store", "hidden")
    assert prepare(tmp_path, [hidden, *TWO_CLASSES]).findings.passed_over == [hidden]


# Pixel-equal images


def test_prepare_images_names_pixel_equal_images_in_two_splits(tmp_path: Path) -> None:
    found = [
        *TWO_CLASSES,
        image(7, "b", "test", "copies/7.png"),
        *(image(500 + n, "ab"[n % 2], "test") for n in range(9)),
    ]
    with pytest.raises(ValueError, match=r"1 images are there again, pixel by pixel, .* prepare.duplicates") as caught:
        prepare(tmp_path, found)
    (note,) = notes_of(caught.value)
    assert note in (f"the same pixels: b/7.png ({split}, b), copies/7.png (test, b)" for split in ("train", "val"))


def test_prepare_images_names_pixel_equal_images_with_two_labels(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 images") as caught:
        prepare(tmp_path, [*TWO_CLASSES, image(7, "a", path="copies/7.png")])
    (note,) = notes_of(caught.value)
    assert "copies/7.png" in note and "b/7.png" in note and ", a)" in note and ", b)" in note


def test_prepare_images_bounds_the_list_of_pixel_equal_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linear_classifier.preparation.duplicates.MAX_LISTED", 3)
    twice = [image(number, "ba"[number % 2], path=f"copies/{number}") for number in range(10)]
    many = [image(0, "b", path=f"again/{number}") for number in range(50)]
    with pytest.raises(ValueError, match="10 images") as caught:
        prepare(tmp_path, [*TWO_CLASSES, *twice, *many])
    notes = notes_of(caught.value)
    assert len(notes) == 4 and notes[-1] == "and 7 groups more"
    assert sum(note.count("again/") for note in notes) <= 20


def test_prepare_images_keeps_pixel_equal_images_of_one_label_in_one_split(tmp_path: Path) -> None:
    """They would be refused if they were drawn for two splits."""
    found = [image(number // 4, "ab"[number // 4 % 2], path=str(number)) for number in range(200)]
    made = prepare(tmp_path, found)
    where = {number: {name for name in SPLITS if number in made.numbers(name)} for number in range(50)}
    assert all(len(names) == 1 for names in where.values())
    assert made.dataset.duplicates == {
        "repeats": 150,
        "groups_in_two_splits": 0,
        "groups_with_two_labels": 0,
        "dropped": 0,
    }


def test_prepare_images_spreads_images_that_repeat_over_the_split(tmp_path: Path) -> None:
    made = prepare(tmp_path, [image(number % 20, "ab"[number % 2]) for number in range(2000)])
    numbers = made.numbers("train")
    assert np.mean([before == after for before, after in pairwise(numbers)]) < 0.2


@pytest.mark.parametrize("order", [1, -1])
def test_prepare_images_drops_all_but_the_one_in_test_and_all_with_two_labels(order: int, tmp_path: Path) -> None:
    copies = [
        image(1, "b", "test"), image(1, "b", "val"), image(1, "b", "val"),
        image(2, "a", "val"), image(2, "a", "train"),
        image(3, "a", "test"), image(5, "b", "train"), image(5, "b", "train"),
    ]  # fmt: skip
    rest = [image(500 + n, "ab"[n % 2], ("val", "test")[n // 2 % 2]) for n in range(20)]
    made = prepare(tmp_path, [*TWO_CLASSES, *copies, *rest][::order], duplicates="drop")
    everywhere = Counter(number for name in SPLITS for number in made.numbers(name))
    assert set(everywhere.values()) == {1}
    assert 1 in made.numbers("test") and 2 in made.numbers("val") and 5 in made.numbers("train")
    assert set(range(100)) - set(everywhere) == {3}, "nobody can say whether it is a or b"
    assert made.dataset.duplicates["dropped"] == 9


def test_prepare_images_allows_pixel_equal_images_and_counts_them(tmp_path: Path) -> None:
    found = [
        *TWO_CLASSES,
        image(7, "a"),
        image(8, "a", "test"),
        *(image(500 + n, "ab"[n % 2], "test") for n in range(4)),
    ]
    made = prepare(tmp_path, found, duplicates="allow")
    assert sum(map(len, made.splits.values())) == len(found)
    report = made.dataset.duplicates
    assert (report["repeats"], report["groups_with_two_labels"], report["dropped"]) == (2, 1, 0)
    assert report["groups_in_two_splits"] in (1, 2)


@pytest.mark.parametrize("duplicates", ["refuse", "allow"])
def test_images_whose_keys_collide_are_no_duplicates(
    duplicates: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few_keys(data: bytes, **options: Any) -> Any:
        digest = hashlib.blake2b(data, **options).digest()
        return types.SimpleNamespace(digest=lambda: bytes([digest[0] % 3 * 80]) * 8)

    monkeypatch.setattr(spool, "hashlib", types.SimpleNamespace(sha256=hashlib.sha256, blake2b=few_keys))
    found = [image(number, "ab"[number % 2], SPLITS[number // 2 % 3]) for number in range(60)]
    made = prepare(tmp_path / "1", found, duplicates=duplicates)
    assert made.dataset.duplicates["repeats"] == 0
    assert sorted(pair for split in made.splits.values() for pair in split) == [(n, "ab"[n % 2]) for n in range(60)]
    assert made.files == prepare(tmp_path / "2", found[::-1], duplicates=duplicates).files


# The machine


def test_prepare_images_leaves_no_spool(tmp_path: Path) -> None:
    prepare(tmp_path, TWO_CLASSES)
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]


def test_prepare_images_looks_for_room_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 5))
    with pytest.raises(RuntimeError, match=r"0\.0 GB free, but the prepared images take 0\.0 GB; make room"):
        prepare(tmp_path, TWO_CLASSES)
    assert not (tmp_path / "prepared").exists()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 0))
    prepare(tmp_path, TWO_CLASSES)


PREPARE = """
import resource, sys
from pathlib import Path
from typing import Any
import numpy as np
from linear_classifier.preparation.source_image import SourceImage
from tests.linear_classifier.preparation.own import SMALL
from dataclasses import replace
from linear_classifier.preparation.own_images import prepare_images

def found(count):
    generator = np.random.default_rng(0)
    for number in range(count):
        pixels = generator.integers(0, 256, (28, 28), np.uint8)
        yield SourceImage(f"images/{number}.png", str(number % 10), None, pixels)

if __name__ == "__main__":
    params = replace(SMALL, image_size=[28, 28])
    prepare_images(found(int(sys.argv[1])), Path(sys.argv[2]), "many", params)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_hardly_grows_with_the_number_of_images(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PREPARE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    peaks = []
    for count in (20_000, 200_000):
        command = [sys.executable, str(script), str(count), str(tmp_path / str(count) / "prepared")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    grown = (peaks[1] - peaks[0]) * 1024 / 180_000
    print(f"peaks {peaks} KB: {grown:.0f} bytes an image more, of which the pixels are 784")
    assert grown < 60


def test_a_disk_that_is_full_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
    script.write_text(limit + PREPARE)
    command = [sys.executable, str(script), "5000", str(tmp_path / "data/prepared")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert f"OSError: [Errno 27] File too large: '{tmp_path / 'data'}'" in done.stderr
    assert list((tmp_path / "data").iterdir()) == []


def files_of_a_folder(source: Path, out: Path, *prefix: str, **variables: str) -> dict[str, bytes]:
    """What `prepare_images` makes of a folder of files, in a process of its own."""
    script = source.parent / "script.py"
    script.write_text(FOLDER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    subprocess.run([*prefix, sys.executable, script, source, out / "prepared"], env=environment, check=True)
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.*"))}


FOLDER = """
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any
from linear_classifier.preparation.source_image import SourceImage
from linear_classifier.preparation.own_images import prepare_images
from tests.linear_classifier.preparation.own import SMALL

if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).rglob("*.*"))
    found = (SourceImage(path.name, path.parent.name, None, str(path)) for path in files)
    prepare_images(found, Path(sys.argv[2]), "folder", replace(SMALL, image_size=[20, 30], channels=3))
"""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 images of two classes, JPEG and PNG, grey and RGB, of many sizes."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs") / "images"
    generator = np.random.default_rng(0)
    for number in range(600):
        path = folder / "ab"[number % 2] / f"{number}.{('png', 'jpg')[number // 2 % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (*generator.integers(5, 60, 2).tolist(), 3)[: 2 + number % 3 % 2]
        Image.fromarray(generator.integers(0, 256, shape, np.uint8)).save(path)
    return folder


@pytest.mark.skipif(sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_prepare_images_gives_the_same_bytes_with_one_worker_and_with_two(photographs: Path, tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    one = files_of_a_folder(photographs, tmp_path / "one", "taskset", "--cpu-list", str(cores[0]))
    two = files_of_a_folder(photographs, tmp_path / "two", "taskset", "--cpu-list", f"{cores[0]},{cores[1]}")
    assert len(one) == 7 and one == two


def test_prepare_images_gives_the_same_bytes_without_simd(photographs: Path, tmp_path: Path) -> None:
    """Of libjpeg-turbo; Pillow's own filters have none."""
    usual = files_of_a_folder(photographs, tmp_path / "usual")
    assert files_of_a_folder(photographs, tmp_path / "plain", JSIMD_FORCENONE="1") == usual
