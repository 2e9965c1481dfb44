"""Workers that decode: in order, on the cores that are allowed, and with an end whatever becomes of them."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linear_classifier.preparation import decoding_pool
from linear_classifier.preparation.decoding import Target
from linear_classifier.preparation.decoding_pool import Decoded, count_cores, decode_all
from linear_classifier.preparation.source_image import SourceImage
from tests.processes import ROOT

TARGET = Target(4, 4, 1, "fit")


def png_of(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (4, 4), value).save(stream, "PNG")
    return stream.getvalue()


def images(count: int) -> Iterator[SourceImage]:
    """`count` images, some in files' bytes and some as pixels, all of 4 x 4 times their number."""
    for number in range(count):
        pixels = np.full((4, 4), number % 256, np.uint8)
        yield SourceImage(str(number), "a", None, pixels if number // 300 % 2 else png_of(number % 256))


def test_decode_all_gives_every_image_in_order() -> None:
    outcomes = list(decode_all(images(1500), TARGET))
    assert [image.path for image, _ in outcomes] == [str(number) for number in range(1500)]
    assert [outcome[0] for _, outcome in outcomes] == [bytes([number % 256]) * 16 for number in range(1500)]


def test_decode_all_gives_the_reason_in_the_place_of_an_image_that_cannot_be_used() -> None:
    contents = [png_of(7), b"no image", png_of(9), b""]
    outcomes = [outcome for _, outcome in decode_all((SourceImage("x", "a", None, c) for c in contents), TARGET)]
    assert [type(outcome) for outcome in outcomes] == [Decoded, str, Decoded, str]
    assert outcomes[3] == "it is empty"


def test_decode_all_looks_only_so_far_ahead() -> None:
    taken = 0

    def endless() -> Iterator[SourceImage]:
        nonlocal taken
        for taken in range(10**9):
            yield SourceImage(str(taken), "a", None, np.zeros((4, 4), np.uint8))

    outcomes = decode_all(endless(), TARGET)
    for _ in range(1000):
        next(outcomes)
    outcomes.close()
    chunks = decoding_pool.AHEAD * count_cores() + 1
    assert taken < 1000 + chunks * decoding_pool.CHUNK_IMAGES


def test_cut_makes_chunks_small_where_images_are_large() -> None:
    large = (SourceImage("x", "a", None, bytes(2**20)) for _ in range(20))
    assert [len(chunk) for chunk in decoding_pool._cut(large, 2**20)] == [2] * 10
    assert [len(chunk) for chunk in decoding_pool._cut(images(300), 2**30)] == [1] * 300


RUN = """
import os, signal, sys, time
from linear_classifier.preparation import decoding_pool
from linear_classifier.preparation.decoding import Target
from linear_classifier.preparation.decoding_pool import decode_all
from linear_classifier.preparation.source_image import SourceImage
from pathlib import Path

class Bad(os.PathLike):  # as its path is asked for, in the worker
    def __init__(self, code): self.code = code
    def __fspath__(self): exec(self.code); return "/dev/null"

if __name__ == "__main__":
    decoding_pool.SECONDS_A_CHUNK = 3
    try:
        print(list(decode_all([SourceImage("a/bad.png", "a", None, Bad(sys.argv[1]))], Target(4, 4, 1, "fit"))))
    except RuntimeError as error:
        print(error)
"""


def run_bad(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "a/bad.png: the process that decoded it was killed"),
        ("os._exit(0)", "a/bad.png: the process that decoded it was killed"),
        ("time.sleep(1000)", "a/bad.png: not decoded within 3 seconds"),
        ("os.kill(os.getpid(), signal.SIGSTOP)", "a/bad.png: not decoded within 3 seconds"),
        ("raise MemoryError", "MemoryError"),
    ],
)
def test_decode_all_ends_when_a_worker_does_not(code: str, message: str, tmp_path: Path) -> None:
    done = run_bad(tmp_path, code)
    assert message in done.stdout + done.stderr


def test_an_image_that_takes_long_is_refused(tmp_path: Path) -> None:
    code = "from linear_classifier.preparation import decoding_pool as d; signal.setitimer(0, .2); time.sleep(9)"
    assert "it takes more than 60 seconds to decode" in run_bad(tmp_path, code).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_the_process_that_started_them(end: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(RUN)
    code = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(1000)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, script, code], env=environment, stderr=subprocess.DEVNULL)
    pid = tmp_path / "pid"
    wait_for(lambda: pid.exists() and pid.read_text().isdigit())
    process.send_signal(end)
    process.wait(60)
    wait_for(lambda: not Path(f"/proc/{pid.read_text()}").exists())


def wait_for(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
