"""Against a plain form of the same arithmetic, which is how the page computes it, and pictures known by hand."""

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from linear_classifier.evaluation.usual_inputs import Pixels
from linear_classifier.prediction.fitting import EMPTY, Cut, Fitting, fit_into, fit_picture

GREY = Fitting((1, 28, 28), (0,), 1000)


Plane = list[list[int]]


def plain_fit(planes: list[Plane], fitting: Fitting) -> list[Plane]:
    """`fit_picture` number by number, without NumPy, for fittings with a plain background and without a cut."""
    rows, columns = fitting.shape[1:]
    planes = [plain_shrink(plane, 8 * max(rows, columns)) for plane in planes]
    own, theirs = [plain_background(plane) for plane in planes], fitting.background or ()
    places = [(y, x) for y in range(len(planes[0])) for x in range(len(planes[0][0]))]
    is_ink = {
        (y, x): any(abs(plane[y][x] - b) * 100 > fitting.tolerance * 255 for plane, b in zip(planes, own, strict=True))
        for y, x in places
    }
    lines, across = sorted(y for y, x in places if is_ink[y, x]), sorted(x for y, x in places if is_ink[y, x])
    boxes = [[row[across[0] : across[-1] + 1] for row in plane[lines[0] : lines[-1] + 1]] for plane in planes]
    here, there = (sum(abs(a - b) for a, b in zip(each, theirs, strict=True)) for each in (own, [255 - b for b in own]))
    if fitting.invert == "yes" or (fitting.invert == "auto" and here > there):
        boxes, own = [[[255 - v for v in row] for row in box] for box in boxes], [255 - b for b in own]
    room = max(1, rows * fitting.extent // 1000), max(1, columns * fitting.extent // 1000)
    return [
        plain_paste(
            plain_average([[plain_level(v, b, t, fitting.tolerance) for v in row] for row in box], room), t, fitting
        )
        for box, b, t in zip(boxes, own, theirs, strict=True)
    ]


def plain_shrink(plane: Plane, most: int) -> Plane:
    height, width = len(plane), len(plane[0])
    side = max(1, max(height, width) // most)
    down, across = min(side, height), min(side, width)
    sums = [
        [
            sum(plane[y * down + j][x * across + i] for j in range(down) for i in range(across))
            for x in range(width // across)
        ]
        for y in range(height // down)
    ]
    return [[(total + down * across // 2) // (down * across) for total in row] for row in sums]


def plain_background(plane: Plane) -> int:
    height, width = len(plane), len(plane[0])
    border = [plane[y][x] for y in range(height) for x in range(width) if y in (0, height - 1) or x in (0, width - 1)]
    return sorted(border)[(len(border) - 1) // 2]


def plain_level(value: int, own: int, theirs: int, tolerance: int) -> int:
    if abs(value - own) * 100 <= tolerance * 255:
        return theirs
    if value <= own:
        return (2 * value * theirs + own) // (2 * own)
    return 255 - (2 * (255 - value) * (255 - theirs) + (255 - own)) // (2 * (255 - own))


def plain_average(box: Plane, room: tuple[int, int]) -> Plane:
    height, width = len(box), len(box[0])
    if width * room[0] >= height * room[1]:
        rows, columns = max(1, (2 * height * room[1] + width) // (2 * width)), room[1]
    else:
        rows, columns = room[0], max(1, (2 * width * room[0] + height) // (2 * height))

    def weight(pixel: int, part: int, length: int, parts: int) -> int:
        return max(0, min((pixel + 1) * parts, (part + 1) * length) - max(pixel * parts, part * length))

    def total(row: int, column: int) -> int:
        return sum(
            weight(y, row, height, rows) * weight(x, column, width, columns) * box[y][x]
            for y in range(row * height // rows, -(-(row + 1) * height // rows))
            for x in range(column * width // columns, -(-(column + 1) * width // columns))
        )

    area = height * width
    return [[(total(row, column) + area // 2) // area for column in range(columns)] for row in range(rows)]


def plain_paste(box: Plane, background: int, fitting: Fitting) -> Plane:
    rows, columns = fitting.shape[1:]
    top, left = (rows - len(box)) // 2, (columns - len(box[0])) // 2
    image = [[background] * columns for _ in range(rows)]
    for row, values in enumerate(box):
        image[top + row][left : left + len(values)] = values
    return image


def blob(height: int, width: int, channels: int, seed: int) -> Pixels:
    """A picture with a noisy background and something noisy on it."""
    generator = np.random.default_rng(seed)
    planes = generator.integers(235, 256, (channels, height, width))
    top, left = int(generator.integers(0, height // 2)), int(generator.integers(0, width // 2))
    tall, wide = (int(generator.integers(1, side // 2 + 1)) for side in (height, width))
    planes[:, top : top + tall, left : left + wide] = generator.integers(0, 200, (channels, tall, wide))
    return planes.astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "fitting"),
    [
        ((40, 60), GREY),
        ((100, 37), GREY._replace(extent=714)),
        ((9, 5), GREY),
        ((230, 500), GREY),
        ((240, 420), GREY),
        ((61, 47), GREY._replace(background=(255,))),
        ((61, 47), GREY._replace(background=(90,), tolerance=12)),
        ((50, 50), GREY._replace(invert="no")),
        ((50, 50), GREY._replace(invert="yes")),
        ((33, 80), Fitting((3, 12, 20), (10, 200, 30), 900)),
        ((160, 90), Fitting((3, 5, 3), (0, 0, 0), 1000)),
    ],
)
def test_fit_picture_gives_what_plain_python_gives(size: tuple[int, int], fitting: Fitting) -> None:
    for seed in range(3):
        planes = blob(*size, fitting.shape[0], seed)
        assert fit_picture(planes, fitting).tolist() == plain_fit(planes.tolist(), fitting)


def test_fit_picture_cuts_out_negates_and_centres_what_is_dark_on_light() -> None:
    picture = np.full((1, 100, 140), 255, np.uint8)
    picture[:, 30:86, 70:98] = 0  # 56 x 28
    fitted = fit_picture(picture, GREY)[0]
    assert (fitted[:, 7:21] == 255).all() and (fitted[:, :7] == 0).all() and (fitted[:, 21:] == 0).all()


def test_fit_picture_takes_an_image_like_the_training_s_as_it_is() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[:, :, 5:23] = np.random.default_rng(0).integers(14, 256, (28, 18))
    np.testing.assert_array_equal(fit_picture(image, GREY), image)


def test_fit_picture_brings_a_grey_background_to_that_of_the_training_images() -> None:
    picture = np.full((1, 60, 60), 200, np.uint8)
    picture[:, 20:40, 10:30], picture[:, 20:40, 30:50], picture[:, 25, 20] = 0, 100, 198
    fitted = fit_picture(picture, GREY._replace(shape=(1, 20, 40)))[0]
    assert fitted[5, [0, 10, 19, 20, 39]].tolist() == [255, 0, 255, 127, 127]


@pytest.mark.parametrize("side", [1, 2, 28, 500])
def test_fit_picture_refuses_what_is_empty(side: int) -> None:
    for planes in (np.full((1, side, side), 255, np.uint8), np.full((1, side, 1), 7, np.uint8)):
        with pytest.raises(ValueError, match=EMPTY):
            fit_picture(planes, GREY)


def test_fit_picture_cut_leaves_out_what_is_beside() -> None:
    picture = np.full((1, 100, 100), 255, np.uint8)
    picture[:, 10:20, 10:20], picture[:, 60:80, 60:80] = 0, 0
    fitted = fit_picture(picture, GREY._replace(cut=Cut(left=50)))
    assert (fitted == 255).all()
    with pytest.raises(ValueError, match=EMPTY):
        fit_picture(picture, GREY._replace(cut=Cut(left=50, right=50)))


def test_fit_picture_takes_the_whole_picture_where_no_background_is_plain() -> None:
    picture = blob(40, 80, 3, 0)
    fitted = fit_picture(picture, Fitting((3, 10, 10), None, 1000))
    blocks = picture.astype(int).reshape(3, 5, 8, 10, 8).sum(axis=(2, 4))
    np.testing.assert_array_equal(fitted[:, 2:7], (blocks + 32) // 64)


@pytest.mark.parametrize(
    ("size", "expected"), [((10, 20), (14, 28)), ((1, 1000), (1, 28)), ((300, 299), (28, 28)), ((3, 2), (28, 19))]
)
def test_fit_into_keeps_the_proportions(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit_into(size, (28, 28)) == expected


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1", "I;16"])
def test_decode_takes_pictures_of_any_mode(mode: Literal["L", "RGB", "RGBA", "P", "1", "I;16"]) -> None:
    grey = np.full((50, 50), 255, np.uint8)
    grey[10:40, 20:30] = 0
    image = Image.fromarray(grey)
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    pixels = np.frombuffer(GREY.decode(stream.getvalue()), np.uint8).reshape(28, 28)
    assert (pixels[:, 9:18] == 255).all() and (pixels[:, :9] == 0).all() and (pixels[:, 18:] == 0).all()


def test_decode_puts_white_behind_what_is_transparent() -> None:
    image = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    image.paste((40, 40, 40, 255), (20, 10, 30, 40))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    pixels = np.frombuffer(GREY.decode(stream.getvalue()), np.uint8).reshape(28, 28)
    assert pixels[14, 14] == 215 and pixels[14, 0] == 0
