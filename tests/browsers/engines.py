"""Real browsers from Debian's packages, each behind the same two calls: open a page, and run JavaScript in it."""

import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import websocket
from playwright.sync_api import Browser, Page, sync_playwright
from selenium import webdriver
from selenium.webdriver.webkitgtk.service import Service

SECONDS = 60  # for a browser to start, or to answer


class Engine(Protocol):
    """A browser with one page."""

    def open(self, url: str) -> None: ...

    def run(self, script: str) -> Any:
        """The value of the expression `script`, by JSON."""


class Chromium:
    """By Playwright, which drives Debian's browser as it does its own."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(url)

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


class Firefox:
    """By WebDriver BiDi over its own socket: Debian has no geckodriver. https://w3c.github.io/webdriver-bidi."""

    def __init__(self, address: str) -> None:
        self.socket = websocket.create_connection(f"{address}/session", suppress_origin=True, timeout=SECONDS)
        self.number = 0
        self._call("session.new", capabilities={})
        self.context = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def open(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def run(self, script: str) -> Any:
        expression = f"Promise.resolve({script}).then(value => JSON.stringify(value ?? null))"
        answer = self._call("script.evaluate", expression=expression, target={"context": self.context}, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    def _call(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]


class WebKit:
    """By WebKitGTK's own driver."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    def run(self, script: str) -> Any:
        code = f"const done = arguments[0]; Promise.resolve({script}).then(value => done(JSON.stringify(value ?? null)))"
        return json.loads(self.driver.execute_async_script(code))


@contextmanager
def open_chromium() -> Iterator[Chromium]:
    with start_chromium() as browser:
        yield Chromium(browser.new_page())


@contextmanager
def start_chromium() -> Iterator[Browser]:
    """Without its sandbox, which needs rights that a container has not: the pages are ours."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_firefox() -> Iterator[Firefox]:
    command = ["firefox-esr", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen([*command, folder], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            yield Firefox(_find_address(process))
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


def _find_address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr
    deadline = time.monotonic() + SECONDS
    for line in process.stderr:
        if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
            return found[1]
        assert time.monotonic() < deadline
    raise AssertionError("Firefox ended before it listened")


@contextmanager
def open_webkit() -> Iterator[WebKit]:
    """On a screen that only Xvfb has."""
    options = webdriver.WebKitGTKOptions()
    options.binary_location = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
    options.add_argument("--automation")
    with _screen() as display:
        service = Service(shutil.which("WebKitWebDriver"), env={"DISPLAY": display})
        driver = webdriver.WebKitGTK(options=options, service=service)
        try:
            driver.set_script_timeout(SECONDS)
            yield WebKit(driver)
        finally:
            driver.quit()


@contextmanager
def _screen() -> Iterator[str]:
    process = subprocess.Popen(["Xvfb", "-displayfd", "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    try:
        yield f":{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


ENGINES: dict[str, tuple[str, Callable[[], AbstractContextManager[Engine]]]] = {
    "chromium": ("chromium", open_chromium),
    "firefox": ("firefox-esr", open_firefox),
    "webkit": ("WebKitWebDriver", open_webkit),
}
