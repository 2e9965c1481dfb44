"""The page of a real run, and Chromium to look at it with."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from linear_classifier.preparation.fashion_mnist import NAME
from tests.browsers.engines import find, start_chromium
from tests.processes import ROOT, run

expect.set_options(timeout=30_000)  # milliseconds, of a busy machine
LISTEN = """
window.violations = []
document.addEventListener('securitypolicyviolation', event => {
  violations.push(event.violatedDirective + ' ' + event.blockedURI)
})
"""


@dataclass
class Watched:
    """A page in Chromium, and all that it did besides being looked at."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def complaints(self) -> list[str]:
        """What the console and the policy said."""
        violations: list[str] = self.page.evaluate("violations")
        return self.messages + violations


@pytest.fixture(scope="session")
def run_folder(raw_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all stages but `export` have run on Fashion-MNIST."""
    folder = tmp_path_factory.mktemp("run")
    shutil.copy(ROOT / "params.yaml", folder)
    shutil.copytree(raw_folder, folder / "data/raw" / NAME)
    for stage in ("prepare", "train", "evaluate", "report"):
        run("python", "-m", "stages", stage, cwd=folder, environment={"PYTHONPATH": str(ROOT)})
    return folder


@pytest.fixture(scope="session")
def page_file(run_folder: Path) -> Path:
    return run_folder / "reports/report/index.html"


@pytest.fixture(scope="session")
def photo(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dark thing on a light ground, as a JPEG: a test image, negated, enlarged and off-centre."""
    image = np.load(run_folder / "data/prepared/test/images.npy", mmap_mode="r")[19, 0]
    thing = Image.fromarray(255 - image).resize((560, 560), Image.Resampling.BICUBIC)
    ground = Image.new("RGB", (1200, 900), "white")
    ground.paste(thing, (420, 90))
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    ground.save(path, quality=85)
    return path


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Where there is none, its tests are skipped, but not in CI: .ci/run takes no such skip either."""
    if not find("chromium") and "CI" not in os.environ:
        pytest.skip("no chromium here (`apt-get install chromium`)")
    with start_chromium() as browser:
        yield browser


@pytest.fixture
def watch(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Opens a page in a context of its own: `watch(url, **options of Playwright's new_context)`."""
    contexts = []

    def open_page(url: str, **options: Any) -> Watched:
        context = chromium.new_context(**options)
        contexts.append(context)
        context.add_init_script(LISTEN)
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on("console", lambda message: watched.messages.append(message.text))
        watched.page.on("pageerror", lambda error: watched.messages.append(str(error)))
        watched.page.goto(url)
        return watched

    yield open_page
    for context in contexts:
        context.close()
