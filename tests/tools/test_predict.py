"""The tool as a process: small models made on the spot, and the real one on pictures made of its test images."""

import csv
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from linear_classifier.data.splits import load_dataset, load_split
from linear_classifier.evaluation.usual_inputs import format_usual_inputs, measure_usual_inputs
from linear_classifier.io.files import write_bytes
from linear_classifier.prediction.fitting import EMPTY
from tests.good_model import save_small_run
from tests.photographs import photograph
from tests.processes import ROOT, run

Row = dict[str, str]


class Predicted(NamedTuple):
    code: int
    rows: list[Row]
    errors: str


def predict(folder: Path, *arguments: str, stdin: bytes = b"") -> Predicted:
    command = [sys.executable, "-m", "tools.predict", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=folder, env=environment, input=stdin, capture_output=True, check=False)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    return Predicted(done.returncode, rows, done.stderr.decode())


def make_run(folder: Path, image_shape: tuple[int, int, int] = (1, 28, 28)) -> Path:
    """A workspace with a small model, as a run leaves it."""
    saved = save_small_run(folder, image_shape)
    dataset = load_dataset(folder / "data/prepared")
    usual = measure_usual_inputs(load_split(folder / "data/prepared", "train", dataset), len(saved.class_names))
    write_bytes(folder / "models/usual_inputs.safetensors", format_usual_inputs(usual))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run")


def picture(seed: int = 0, size: tuple[int, int] = (60, 80)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def encode(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_predict_writes_a_row_a_picture_and_one_bad_file_costs_a_row(workspace: Path) -> None:
    (workspace / "pictures").mkdir()
    for number in range(3):
        picture(number).save(workspace / f"pictures/{number}.png")
    (workspace / "pictures/1.png").write_bytes(b"no picture")
    Image.new("L", (30, 30), 200).save(workspace / "pictures/empty.png")
    done = predict(workspace, "pictures", "none.png")
    assert done.code == 1 and "2 answered, 3 without an answer, 0 passed over" in done.errors
    problems = {row["path"]: row["problem"] for row in done.rows}
    assert list(problems) == ["pictures/0.png", "pictures/1.png", "pictures/2.png", "pictures/empty.png", "none.png"]
    assert problems["pictures/1.png"].startswith("not an image") and problems["pictures/empty.png"] == EMPTY
    assert problems["none.png"] == "No such file or directory" and not problems["pictures/0.png"]
    for row in done.rows:
        assert all(value == "" for name, value in row.items() if name not in ("path", "problem")) == bool(
            row["problem"]
        )


def test_predict_gives_the_same_rows_from_folder_tar_and_standard_input(workspace: Path) -> None:
    (workspace / "in").mkdir()
    picture().save(workspace / "in/a.jpg")
    with tarfile.open(workspace / "in.tar", "w") as tar:
        tar.add(workspace / "in/a.jpg", "a.jpg")
    runs = [
        predict(workspace, "in"),
        predict(workspace, "in.tar"),
        predict(workspace, "-", stdin=(workspace / "in.tar").read_bytes()),
        predict(workspace, "-", stdin=(workspace / "in/a.jpg").read_bytes()),
    ]
    assert [done.code for done in runs] == [0] * 4
    assert [done.rows[0].pop("path") for done in runs] == ["in/a.jpg", "in.tar/a.jpg", "-/a.jpg", "-"]
    assert all(done.rows == runs[0].rows for done in runs)
    assert float(runs[0].rows[0]["probability"]) >= float(runs[0].rows[0]["runner_up_probability"])


def test_predict_output_is_a_file_that_is_written_whole_or_not_at_all(workspace: Path) -> None:
    picture().save(workspace / "a.png")
    done = predict(workspace, "a.png", "--output", "out/predictions.csv")
    assert done.code == 0 and not done.rows
    (row,) = csv.DictReader((workspace / "out/predictions.csv").read_text().splitlines())
    assert predict(workspace, "a.png").rows == [row]
    (workspace / "models/model.pkl").write_bytes(b"")
    assert predict(workspace, "a.png", "--output", "out/predictions.csv").code == 2
    assert (workspace / "out/predictions.csv").exists()


def test_predict_like_training_takes_pixels_as_they_are(workspace: Path) -> None:
    images = np.load(workspace / "data/prepared/test/images.npy")
    Image.fromarray(images[0, 0]).save(workspace / "a.png")
    (row,) = predict(workspace, "a.png", "--like-training").rows
    assert row["answer"] in [f"class {index}" for index in range(10)]


def test_predict_works_on_colours_of_another_size(tmp_path: Path) -> None:
    workspace = make_run(tmp_path, (3, 20, 30))
    picture().save(workspace / "a.png")
    for arguments in ((), ("--like-training",)):
        done = predict(workspace, "a.png", *arguments)
        assert done.code == 0 and not done.rows[0]["problem"]


@pytest.mark.parametrize(
    ("damage", "arguments", "message"),
    [
        ("models/model.pkl", ("a.png",), "models/model.pkl: not found; run `dvc repro`"),
        ("models/usual_inputs.safetensors", ("a.png",), "models/usual_inputs.safetensors: not found; run `dvc repro`"),
        ("", ("notes",), "no picture in notes; name where they are"),
        ("", ("a.png", "--output", "models"), "models: a folder stands where a file is to be written"),
    ],
)
def test_predict_says_in_a_line_what_is_missing(
    workspace: Path, damage: str, arguments: tuple[str, ...], message: str
) -> None:
    picture().save(workspace / "a.png")
    write_bytes(workspace / "notes/notes.txt", b"")
    if damage:
        (workspace / damage).unlink()
    done = predict(workspace, *arguments)
    assert done.code == 2 and done.errors.splitlines()[-1].startswith(f"predict: error: {message}")


def test_predict_needs_no_pytorch(workspace: Path) -> None:
    picture().save(workspace / "a.png")
    code = "import sys; from tools.predict import main; main(['a.png']); print({'torch', 'scipy'} & set(sys.modules))"
    done = run(sys.executable, "-c", code, cwd=workspace, environment={"PYTHONPATH": str(ROOT)})
    assert done.stdout.splitlines()[-1] == "set()"


# The real model


@pytest.fixture(scope="module")
def trained(clone: Callable[[], Path]) -> Path:
    folder = clone()
    run("dvc", "repro", cwd=folder)
    return folder


@pytest.fixture(scope="module")
def images(trained: Path) -> NDArray[np.uint8]:
    """A thousand test images, `(n, height, width)`."""
    found: NDArray[np.uint8] = np.load(trained / "data/prepared/test/images.npy")[:1000, 0]
    return found


def predict_tar(folder: Path, contents: Iterator[bytes], *arguments: str) -> list[Row]:
    with tarfile.open(folder / "pictures.tar", "w") as tar:
        for number, content in enumerate(contents):
            info = tarfile.TarInfo(f"{number:05}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return predict(folder, "pictures.tar", *arguments).rows


def share_unusual(rows: list[Row]) -> float:
    return sum(row["unusual"] == "yes" for row in rows) / len(rows)


@pytest.mark.slow
def test_predict_is_right_on_photographs_made_of_test_images(trained: Path, images: NDArray[np.uint8]) -> None:
    generator = np.random.default_rng(0)
    rows = predict_tar(trained, (photograph(image, generator) for image in images))
    labels, names = (
        np.load(trained / "data/prepared/test/labels.npy"),
        load_dataset(trained / "data/prepared").class_names,
    )
    right = np.mean([row["answer"] == names[label] for row, label in zip(rows, labels[: len(images)], strict=True)])
    print(f"photographs: {right} right, {share_unusual(rows)} marked")
    assert right >= 0.83 and share_unusual(rows) < 0.06


@pytest.mark.slow
def test_predict_like_training_answers_as_predictions_csv(trained: Path, images: NDArray[np.uint8]) -> None:
    rows = predict_tar(trained, (encode(Image.fromarray(image)) for image in images), "--like-training")
    names = load_dataset(trained / "data/prepared").class_names
    with (trained / "reports/evaluate/predictions.csv").open() as file:
        expected = [(names[int(row["predicted"])], row["confidence"]) for row in csv.DictReader(file)]
    assert [(row["answer"], row["probability"]) for row in rows] == expected[: len(images)]
    assert share_unusual(rows) < 0.05


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = np.zeros_like(image)
    small[7:21, 7:21] = image.reshape(14, 2, 14, 2).mean(axis=(1, 3))
    return small


def shift(image: NDArray[np.uint8], down: int, right: int) -> NDArray[np.uint8]:
    padded = np.pad(image, 6)
    return padded[6 - down : 34 - down, 6 - right : 34 - right]


def noise(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = 28 + int(image.sum()) % 500
    return np.random.default_rng(int(image.sum())).integers(0, 256, (side, side), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "arguments", "at_least"),
    [
        (noise, (), 0.99),
        (noise, ("--like-training",), 0.99),
        (lambda image: 255 - image, ("--like-training",), 0.99),
        (halve, ("--like-training",), 0.9),
        (lambda image: shift(image, 6, 0), ("--like-training",), 0.9),
        (lambda image: shift(image, -3, 4), ("--like-training",), 0.9),
    ],
    ids=["noise", "noise-as-it-is", "un-negated", "half-size", "shifted-6", "shifted-5"],
)
def test_predict_marks_what_is_not_like_the_training(
    change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    arguments: tuple[str, ...],
    at_least: float,
    trained: Path,
    images: NDArray[np.uint8],
) -> None:
    rows = predict_tar(trained, (encode(Image.fromarray(change(image))) for image in images), *arguments)
    print(f"marked: {share_unusual(rows)}")
    assert len(rows) == len(images) and share_unusual(rows) >= at_least
