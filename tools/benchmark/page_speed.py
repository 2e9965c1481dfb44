"""How soon the page answers, in Chromium: after it is loaded, and to each point of a stroke."""

import shutil
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, expect, sync_playwright

PAGE = Path("reports/report/index.html")
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
LOADED = "performance.getEntriesByType('navigation')[0]"
STROKES = """
() => {
  beginStroke(40, 40)
  return Array.from({ length: 60 }, (_, step) => {
    const start = performance.now()
    addPoint(40 + 3 * step, 40 + 2 * step)
    drawNow()
    return performance.now() - start
  })
}
"""


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def measure_page(chromium: str, rounds: int) -> list[tuple[float, float]]:
    """For each round the milliseconds from the page's last byte to its first answer, and the median of a stroke's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        return [_measure_once(browser) for _ in range(rounds)]


def _measure_once(browser: Browser) -> tuple[float, float]:
    page = browser.new_context().new_page()
    page.goto(PAGE.absolute().as_uri())
    expect(page.locator("#said")).to_contain_text("sure")
    first = page.evaluate(f"{LOADED}.domContentLoadedEventStart - {LOADED}.responseEnd")
    page.get_by_label("A drawing").check()
    return first, median(page.evaluate(STROKES))
