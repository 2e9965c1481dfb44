"""A picture of the user's gets the same pixels, signs and answer from the page as from Python."""

import base64
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from playwright.sync_api import expect

from linear_classifier.evaluation.usual_inputs import (
    UsualInputs,
    describe_look,
    farther_than,
    measure_signs,
    read_usual_inputs,
)
from linear_classifier.model.model_file import SavedModel, read_model
from linear_classifier.prediction.answers import Answer, Classifier
from linear_classifier.prediction.fitting import Cut, Fitting, fit_picture
from linear_classifier.reporting.trial import describe_usual
from tests.browsers.conftest import Watched
from tests.photographs import photograph

NUM_PHOTOGRAPHS, AT_ONCE = 1000, 50
INVERTS: tuple[Literal["auto", "yes", "no"], ...] = ("auto", "yes", "no")
ANSWER = """
async photographs => {
  const answers = []
  for (const photograph of photographs) {
    const picture = await readPicture(new Blob([bytesOf(photograph)]))
    takePicture(picture)
    const shares = current && current.order.map(label => current.probabilities[label])
    const signs = current && measureSigns(model, usual, current.pixels)
    answers.push(current && {
      pixels: crc32([current.pixels]),
      order: current.order.slice(0, 2),
      shares: shares.slice(0, 2),
      signs: [signs.farther, signs.look.join(', ') || 'usual'],
    })
  }
  return answers
}
"""
FIT = """
([model, data, source, options]) => {
  const usual = readUsualInputs({ usual: data })
  const planes = source.planes.map(bytesOf)
  const found = fitPicture(model, usual, { ...source, planes }, options)
  if (!found.pixels) return null
  const signs = measureSigns(model, usual, found.pixels)
  return {
    pixels: Array.from(found.pixels),
    signs: signs && [signs.farther, signs.look.join(', ') || 'usual'],
  }
}
"""


@pytest.mark.slow
def test_a_thousand_photographs_get_the_answers_of_python(
    page_file: Path, run_folder: Path, watch: Callable[..., Watched]
) -> None:
    images = np.load(run_folder / "data/prepared/test/images.npy", mmap_mode="r")[:NUM_PHOTOGRAPHS, 0]
    labels = np.load(run_folder / "data/prepared/test/labels.npy")[:NUM_PHOTOGRAPHS]
    generator = np.random.default_rng(0)
    photographs = [photograph(image, generator) for image in images]
    page = watch(page_file.as_uri()).page
    found: list[dict[str, Any]] = []
    for start in range(0, NUM_PHOTOGRAPHS, AT_ONCE):
        batch = [base64.b64encode(content).decode() for content in photographs[start : start + AT_ONCE]]
        found += page.evaluate(ANSWER, batch)
    saved = read_model(run_folder / "models/model.pkl")
    usual = read_usual_inputs(run_folder / "models/usual_inputs.safetensors", saved)
    assert found == answer_by_python(photographs, saved, usual)
    right = np.mean([answer["order"][0] == label for answer, label in zip(found, labels, strict=True)])
    print(f"{right} of {NUM_PHOTOGRAPHS} photographs are right in the page")
    assert right >= 0.83


NOISE = """
() => {
  const exact = CanvasRenderingContext2D.prototype.getImageData
  CanvasRenderingContext2D.prototype.getImageData = function (...place) {
    const image = exact.apply(this, place)
    image.data[5] ^= 1
    return image
  }
}
"""


def test_page_says_so_where_the_browser_adds_noise_to_pictures(
    page_file: Path, photo: Path, watch: Callable[..., Watched]
) -> None:
    page = watch(page_file.as_uri()).page
    page.set_input_files("#file", photo)
    expect(page.locator("#seen-note")).to_have_text("Your picture, cut out, fitted and centred.")
    page.evaluate(NOISE)
    page.set_input_files("#file", photo)
    expect(page.locator("#seen-note")).to_contain_text("This browser adds noise to pictures")


BRING = """
async ([base64, kind]) => {
  const transfer = new DataTransfer()
  transfer.items.add(new File([bytesOf(base64)], 'photo.jpg', { type: 'image/jpeg' }))
  const options = { bubbles: true, cancelable: true }
  const events = {
    paste: () => new ClipboardEvent('paste', { ...options, clipboardData: transfer }),
    drop: () => new DragEvent('drop', { ...options, dataTransfer: transfer }),
  }
  document.body.dispatchEvent(events[kind]())
}
"""


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_can_be_pasted_and_dropped_anywhere(
    kind: str, page_file: Path, photo: Path, watch: Callable[..., Watched]
) -> None:
    page = watch(page_file.as_uri()).page
    page.evaluate(BRING, [base64.b64encode(photo.read_bytes()).decode(), kind])
    expect(page.locator("#seen-note")).to_have_text("Your picture, cut out, fitted and centred.")
    expect(page.get_by_label("A picture of yours")).to_be_checked()
    expect(page.locator("#said")).to_contain_text("T-shirt/top")


def answer_by_python(photographs: list[bytes], saved: SavedModel, usual: UsualInputs) -> list[dict[str, Any]]:
    pixels = [Fitting.like(usual).decode(content) for content in photographs]
    images = np.frombuffer(b"".join(pixels), np.uint8).reshape(-1, *saved.image_shape)
    answers = Classifier(saved, usual).classify(images)
    assert all(isinstance(answer, Answer) for answer in answers)
    names = saved.class_names
    return [
        {
            "pixels": zlib.crc32(image),
            "order": [names.index(answer.label), names.index(answer.runner_up)],
            "shares": [answer.probability, answer.runner_up_probability],
            "signs": [answer.farther_than, answer.look],
        }
        for image, answer in zip(pixels, answers, strict=True)
        if isinstance(answer, Answer)
    ]


def random_usual(generator: np.random.Generator, shape: tuple[int, int, int]) -> UsualInputs:
    percentiles = np.sort(generator.integers(0, 1000, (4, 101)), axis=1)
    return UsualInputs(
        class_means=generator.integers(0, 256, (4, *shape), np.uint8),
        background=generator.choice([0, 40, 255], shape[0]).astype(np.uint8),
        is_plain=bool(generator.integers(0, 4)),
        distances=np.sort(generator.integers(0, 10_000 * int(np.prod(shape)), 101)),
        extents=percentiles[0],
        shifts=percentiles[1],
        areas=percentiles[2],
        contrasts=percentiles[3] % 256,
    )


def random_picture(generator: np.random.Generator, channels: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A thing on a ground, both with noise, sometimes very flat or of one colour."""
    height, width = generator.integers(1, (400, 300)[int(generator.integers(0, 2))], 2)
    planes = np.empty((channels, height, width), np.uint8)
    planes[:] = generator.integers(0, 256, (channels, 1, 1))
    top, left = generator.integers(0, (height, width))
    planes[:, top : top + height // 2 + 1, left : left + width // 2 + 1] = generator.integers(0, 256, (channels, 1, 1))
    return np.clip(planes + generator.integers(-4, 5, planes.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_any_picture_with_any_options_is_fitted_as_by_python(
    seed: int, page_file: Path, watch: Callable[..., Watched]
) -> None:
    generator = np.random.default_rng(seed)
    page = watch(page_file.as_uri()).page
    for _ in range(60):
        height, width = map(int, generator.integers(2, 40, 2))
        shape = int(generator.choice([1, 3])), height, width
        usual, planes = random_usual(generator, shape), random_picture(generator, shape[0])
        cut = Cut(*map(int, generator.integers(0, 60, 4) * generator.integers(0, 2, 4)))
        fitting = Fitting.like(usual)._replace(
            tolerance=int(generator.integers(0, 30)), invert=INVERTS[generator.integers(0, 3)], cut=cut
        )
        found = page.evaluate(FIT, describe_case(usual, planes, fitting))
        assert found == fit_by_python(planes, usual, fitting), fitting


def describe_case(usual: UsualInputs, planes: np.ndarray[Any, np.dtype[np.uint8]], fitting: Fitting) -> list[Any]:
    channels, height, width = fitting.shape
    model = {"channels": channels, "height": height, "width": width, "numPixels": channels * height * width}
    source = {
        "planes": [base64.b64encode(plane.tobytes()).decode() for plane in planes],
        "height": planes.shape[1],
        "width": planes.shape[2],
    }
    options = {"tolerance": fitting.tolerance, "invert": fitting.invert, "cut": fitting.cut._asdict()}
    return [model, describe_usual(usual), source, options]


def fit_by_python(planes: np.ndarray[Any, np.dtype[np.uint8]], usual: UsualInputs, fitting: Fitting) -> Any:
    try:
        image = fit_picture(planes, fitting)[None]
    except ValueError:
        return None
    signs = measure_signs(image, usual.class_means, usual.background)
    seen = [int(farther_than(signs.distances, usual)[0]), describe_look(signs, usual)[0]]
    return {"pixels": image.ravel().tolist(), "signs": seen if signs.areas[0] > 0 or signs.extents[0] > 0 else None}
