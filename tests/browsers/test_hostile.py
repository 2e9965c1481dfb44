"""Whatever names classes have, and whatever file is opened: it is shown as text or refused; nothing runs."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browsers.conftest import Watched
from tests.linear_classifier.reporting.hostile_names import HOSTILE_NAMES
from tests.linear_classifier.reporting.run_results import build_whole_page

REFUSED = "This "  # each sentence of a refusal begins so
LONGEST_FREEZE = 1000  # milliseconds
HEARTBEAT = """
window.longest = 0
let last = performance.now()
setInterval(() => { longest = Math.max(longest, performance.now() - last); last = performance.now() }, 20)
"""


@pytest.fixture(scope="module")
def hostile_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert len(HOSTILE_NAMES) == 40
    path = tmp_path_factory.mktemp("hostile") / "index.html"
    path.write_bytes(build_whole_page(class_names=HOSTILE_NAMES))
    return path


def test_hostile_class_names_are_text_and_nothing_else(hostile_names: Path, watch: Callable[..., Watched]) -> None:
    watched = watch(hostile_names.as_uri())
    page = watched.page
    expect(page.locator("#said")).to_contain_text("sure")
    page.get_by_role("button", name="All 40 classes").click()
    shown = page.locator("#bars th").all_inner_texts()
    assert sorted(shown) == sorted(" ".join(name.split()) for name in HOSTILE_NAMES)
    assert set(page.locator("#confusion tbody th").all_inner_texts()) == set(shown)
    for radio in page.locator("[name=example]").all():
        radio.check()
    for value in range(page.locator("#kind option").count()):
        page.get_by_label("Which ones").select_option(index=value)
    assert watched.complaints == [] and page.title() == "small: a linear classifier"
    assert page.locator("h1").count() == 1 and page.locator("script").count() == 2


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A PNG of a few hundred kilobytes that decodes to `width` x `height` white pixels."""
    compress = zlib.compressobj(9)
    rows = b"".join(compress.compress(b"\0" + b"\xff" * (width // 8)) for _ in range(height)) + compress.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(*each) for each in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def thing(mode: str = "RGB", size: tuple[int, int] = (120, 90)) -> Image.Image:
    """A dark, upright block, left of the middle, on white."""
    image = Image.new("RGB", size, "white")
    image.paste((40, 40, 40), (20, 10, 50, 80))
    return image.convert(mode)


def transparent() -> Image.Image:
    image = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    image.paste((20, 20, 20, 255), (15, 5, 45, 55))
    return image


def turned() -> bytes:
    """A JPEG whose EXIF says that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(thing(), "JPEG", exif=exif.tobytes())


def animation() -> bytes:
    frames = [thing(), Image.new("RGB", (120, 90), "red")]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)


UPLOADS: dict[str, tuple[bytes, str]] = {
    "text.png": (b"This is no picture.\n" * 50, "This is no PNG, JPEG, GIF, WebP or BMP picture."),
    "empty.png": (b"", "This file is empty."),
    "one-byte.png": (b"\x89", "This is no PNG"),
    "markup.png": (b"<html><script>document.title = 'broken'</script>", "This is no PNG"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "This is no PNG"),
    "huge.png": (huge_png(20_000, 20_000), "This picture is too large: 20,000 "),
    "long.png": (huge_png(40_000, 8), "This picture is too large: 40,000 "),
    "no-size.png": (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 0, 0, 0, 0)), "no pixels"),
    "cut-off.png": (encode(thing(), "PNG")[:60], "This picture is damaged"),
    "header-only.jpg": (encode(thing(), "JPEG")[:200], "This "),
    "ends-in-a-segment.jpg": (b"\xff\xd8\xff\xe0\xff\xff", "This is no PNG"),
    "lies.gif": (b"GIF89a\x10\x00\x10\x00", "This picture is damaged"),
    "tiff.png": (encode(thing(), "TIFF"), "This is no PNG"),
    "white.png": (encode(Image.new("RGB", (50, 50), "white"), "PNG"), ""),
    "pixel.png": (encode(Image.new("RGB", (1, 1)), "PNG"), ""),
    "thin.png": (encode(thing(size=(4000, 2)), "PNG"), ""),
    "plain.png": (encode(thing(), "PNG"), ""),
    "plain.bmp": (encode(thing(), "BMP"), ""),
    "plain.webp": (encode(thing(), "WEBP", lossless=True), ""),
    "grey.png": (encode(thing("L"), "PNG"), ""),
    "palette.gif": (encode(thing("P"), "GIF"), ""),
    "cmyk.jpg": (encode(thing("CMYK"), "JPEG"), ""),
    "sixteen-bit.png": (encode(Image.fromarray((np.arange(4096).reshape(64, 64) * 16).astype(np.uint16)), "PNG"), ""),
    "exif.jpg": (turned(), ""),
    "transparent.png": (encode(transparent(), "PNG"), ""),
    "animated.gif": (animation(), ""),
    "large.png": (huge_png(8000, 4000), ""),
    "<img src=x onerror=alert(1)>.png": (encode(thing(), "PNG"), ""),
}


def upload(page: Page, name: str, content: bytes) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": content})
    expect(page.locator("#from-picture")).to_have_attribute("aria-busy", "false", timeout=30_000)


def test_every_upload_is_answered_or_refused_in_a_sentence_and_nothing_freezes(
    page_file: Path, watch: Callable[..., Watched]
) -> None:
    watched = watch(page_file.as_uri())
    page = watched.page
    page.evaluate(HEARTBEAT)
    for name, (content, refusal) in UPLOADS.items():
        upload(page, name, content)
        said, problem = page.locator("#said").inner_text(), page.locator("#picture-problem").inner_text()
        assert refusal in problem and bool(refusal) == bool(problem), (name, problem)
        assert problem == "" or problem.startswith(REFUSED), (name, problem)
        assert said.endswith(" sure") or said == "Nothing to answer yet.", (name, said)
        assert page.evaluate("longest") < LONGEST_FREEZE, name
    assert watched.complaints == [] and page.title().endswith("a linear classifier")


@pytest.mark.parametrize(("name", "sides"), [("plain.png", "tall"), ("exif.jpg", "wide"), ("transparent.png", "tall")])
def test_pictures_are_taken_upright_with_white_behind_them(
    name: str, sides: str, page_file: Path, watch: Callable[..., Watched]
) -> None:
    page = watch(page_file.as_uri()).page
    upload(page, name, UPLOADS[name][0])
    pixels = np.array(page.evaluate("Array.from(current.pixels)")).reshape(28, 28)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    height, width = np.ptp(rows), np.ptp(columns)
    assert (height > width) == (sides == "tall")
    assert pixels[14, 14] > 150 and pixels[0, 0] == 0, "a dark thing on white is light on black to the model"


def test_only_the_last_of_several_pictures_is_shown(page_file: Path, watch: Callable[..., Watched]) -> None:
    page = watch(page_file.as_uri()).page
    large, small = huge_png(8000, 4000), encode(thing(), "PNG")
    page.set_input_files("#file", {"name": "large.png", "mimeType": "image/png", "buffer": large})
    upload(page, "small.png", small)
    expect(page.locator("#said")).to_contain_text("sure")
    page.wait_for_timeout(1000)
    expect(page.locator("#said")).to_contain_text("sure")


def test_nothing_is_predicted_on_an_empty_drawing_or_an_even_picture(
    page_file: Path, watch: Callable[..., Watched]
) -> None:
    page = watch(page_file.as_uri()).page
    page.get_by_label("A drawing").check()
    expect(page.locator("#said")).to_have_text("Nothing to answer yet.")
    expect(page.locator("#answer")).to_be_hidden()
    upload(page, "white.png", UPLOADS["white.png"][0])
    expect(page.locator("#seen-note")).to_have_text("Nothing stands out from the background.")
    expect(page.locator("#answer")).to_be_hidden()
