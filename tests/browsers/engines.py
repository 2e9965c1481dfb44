"""Real browsers from Debian's packages, each behind the same two calls: open a page, and run JavaScript in it."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import websocket
from playwright.sync_api import Browser, Page, sync_playwright

from tools.benchmark.page_speed import CHROMIUMS

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
        answer = self._call(
            "script.evaluate", expression=expression, target={"context": self.context}, awaitPromise=True
        )
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
    """By WebKitGTK's own driver, which speaks WebDriver. https://w3c.github.io/webdriver."""

    def __init__(self, address: str, browser: Path) -> None:
        options = {"binary": str(browser), "args": ["--automation"]}
        self.address = f"{address}/session"
        session = self._call("", capabilities={"alwaysMatch": {"webkitgtk:browserOptions": options}})
        self.address += f"/{session['sessionId']}"

    def open(self, url: str) -> None:
        self._call("/url", url=url)

    def run(self, script: str) -> Any:
        code = (
            f"const done = arguments[0]; Promise.resolve({script}).then(value => done(JSON.stringify(value ?? null)))"
        )
        return json.loads(self._call("/execute/async", script=code, args=[]))

    def close(self) -> None:
        self._send(urllib.request.Request(self.address, method="DELETE"))

    def _call(self, path: str, **params: Any) -> Any:
        return self._send(urllib.request.Request(self.address + path, json.dumps(params).encode(), method="POST"))

    def _send(self, request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.load(answer)["value"]


@contextmanager
def start_chromium() -> Iterator[Browser]:
    """Without its sandbox, which needs rights that a container has not: the pages are ours."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def open_firefox() -> Iterator[Firefox]:
    command = [find("firefox") or "firefox", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile"]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ended(start([*command, folder], stderr=subprocess.PIPE)) as process,
    ):
        engine = Firefox(_find_address(process))
        yield engine
        engine.socket.close()


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
    browser = next(Path("/usr/lib").glob("*/webkit2gtk-4.1/MiniBrowser"))
    with _screen() as display, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        command = [find("webkit") or "WebKitWebDriver", f"--port={port}"]
        with ended(start(command, env={**os.environ, "DISPLAY": display})):
            _wait_for(port)
            engine = WebKit(f"http://127.0.0.1:{port}", browser)
            yield engine
            engine.close()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def _screen() -> Iterator[str]:
    command = ["Xvfb", "-displayfd", "1"]
    with ended(start(command, stdout=subprocess.PIPE)) as process:
        assert process.stdout
        yield f":{process.stdout.readline().strip()}"


def start(command: list[str], **options: Any) -> "subprocess.Popen[str]":
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, **{**quiet, **options}, text=True)


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator["subprocess.Popen[str]"]:
    """`process`, which is ended with the block."""
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)


def find(name: str) -> str | None:
    """The program of the browser `name`, by the names that Debian and GitHub's runners give it, if it is here."""
    return next(filter(None, map(shutil.which, PROGRAMS[name])), None)


PROGRAMS = {
    "chromium": CHROMIUMS,
    "firefox": ("firefox-esr", "firefox"),
    "webkit": ("WebKitWebDriver",),
}
OTHERS: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "firefox": open_firefox,
    "webkit": open_webkit,
}
