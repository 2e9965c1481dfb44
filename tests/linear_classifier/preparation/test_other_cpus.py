"""Images are decoded and resized to the same bytes with and without SIMD, and on another kind of CPU.

The JPEG library of Pillow's wheels is the part that looks for SIMD as it runs, and can be told to use none.

For aarch64, AARCH64_PYTHON is a command that runs its Python with NumPy and Pillow, such as the one that
`.ci/aarch64-python FOLDER` makes and prints; without it there is no such test.
"""

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.linear_classifier.preparation.sources import write_files
from tests.linear_classifier.preparation.test_decoding import GREYS
from tests.processes import ROOT

NO_SIMD = {"JSIMD_FORCENONE": "1"}  # of libjpeg-turbo
PROGRAM = ROOT / "tests/linear_classifier/preparation/decoded_hashes.py"


def photograph(kind: str, mode: str, **options: int | bool | str) -> bytes:
    """131 x 97 pixels of smooth colours with noise."""
    y, x = np.mgrid[0:97, 0:131]
    smooth = np.stack([128 + 100 * np.sin(x / (9 + 5 * band) + y / (7 + band)) for band in range(3)], axis=2)
    noisy = smooth + np.random.default_rng(0).integers(-25, 26, smooth.shape)
    stream = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {name.replace("/", "-"): content for name, (content, _) in GREYS.items()}
    for mode in ("L", "RGB", "CMYK"):
        for quality in (30, 75, 95):
            for subsampling in ("4:4:4", "4:2:0", "4:2:2") if mode == "RGB" else ("4:4:4",):
                name = f"photograph {mode} {quality} {subsampling.replace(':', '')}.jpg"
                files[name] = photograph("JPEG", mode, quality=quality, subsampling=subsampling)
    files["progressive.jpg"] = photograph("JPEG", "RGB", progressive=True)
    files |= {f"{mode}.png": photograph("PNG", mode) for mode in ("L", "LA", "P", "RGB", "RGBA")}
    files |= {f"{mode}.webp": photograph("WEBP", mode, quality=80) for mode in ("RGB", "RGBA")}
    return write_files(tmp_path_factory.mktemp("images"), files)


def hash_decoded(folder: Path, command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [*command, str(PROGRAM), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_decode_gives_the_same_bytes_without_simd(folder: Path) -> None:
    plain = hash_decoded(folder, [sys.executable], {})
    assert len(plain) > 50 and hash_decoded(folder, [sys.executable], NO_SIMD) == plain


if "AARCH64_PYTHON" in os.environ:  # else nobody expects it to run

    def test_decode_gives_the_same_bytes_on_aarch64(folder: Path) -> None:
        command = shlex.split(os.environ["AARCH64_PYTHON"])
        assert hash_decoded(folder, command, {}) == hash_decoded(folder, [sys.executable], {})
