"""The page needs nothing but itself: no network, no server, no file beside it; and its policy finds nothing to stop."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browsers.conftest import Watched


@pytest.fixture
def sub_path(page_file: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the page below a path of a web server, as on GitHub Pages."""
    folder = tmp_path / "someone/some-project"
    folder.mkdir(parents=True)
    (folder / "index.html").write_bytes(page_file.read_bytes())
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/someone/some-project/"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


def use_everything(watched: Watched, photo: Path) -> None:
    page = watched.page
    expect(page.locator("#check")).to_contain_text("Checked itself")
    page.get_by_label("Which ones").select_option(index=1)
    page.get_by_label("A drawing").check()
    pad = page.locator("#pad")
    pad.hover(position={"x": 60, "y": 60})
    page.mouse.down()
    pad.hover(position={"x": 200, "y": 160})
    page.mouse.up()
    page.get_by_role("button", name="Undo").click()
    page.get_by_label("A picture of yours").check()
    page.set_input_files("#file", photo)
    expect(page.locator("#said")).to_contain_text("sure")
    page.get_by_label("Tolerance").fill("30")
    page.get_by_label("swap them").check()
    page.get_by_text("What these two signs miss").click()
    page.get_by_text("The curves as a table").click()


def test_page_asks_for_nothing_and_complains_of_nothing(
    page_file: Path, photo: Path, watch: Callable[..., Watched]
) -> None:
    watched = watch(page_file.as_uri(), offline=True)
    use_everything(watched, photo)
    assert watched.requests == [page_file.as_uri(), *(link for link in watched.requests if link.startswith("data:"))]
    assert watched.complaints == []


def test_page_works_below_any_path_of_a_server(sub_path: str, photo: Path, watch: Callable[..., Watched]) -> None:
    watched = watch(sub_path)
    use_everything(watched, photo)
    assert [link for link in watched.requests if not link.startswith("data:")] == [sub_path]
    assert watched.complaints == []


def test_page_without_scripts_has_all_but_the_trial(page_file: Path, watch: Callable[..., Watched]) -> None:
    page = watch_without_scripts(page_file, watch).page
    expect(page.get_by_text("To try the model takes JavaScript")).to_be_visible()
    expect(page.locator("#trial")).to_be_hidden()
    for name in (
        "Results",
        "Class by class",
        "What it takes for what",
        "Its surest mistakes",
        "The data",
        "The params",
    ):
        expect(page.get_by_role("heading", name=name)).to_be_visible()


def watch_without_scripts(page_file: Path, watch: Callable[..., Watched]) -> Watched:
    return watch(page_file.as_uri(), java_script_enabled=False)


def test_file_is_small(page_file: Path) -> None:
    import gzip

    content = page_file.read_bytes()
    assert len(content) <= 300_000 and len(gzip.compress(content)) <= 150_000
