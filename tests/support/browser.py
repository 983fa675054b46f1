"""A headless Chromium for tests that look at pages: a size, light or dark, what its console complains of, pictures."""

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_CHROMIUM, _DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"  # where Debian's packages put them
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root, where Chromium has none
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little shared memory
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_PATIENCE_S = 60.0
"""How long a page may take on a machine that does other things; tests wait for what they need, and no longer."""
_LOOK_S = 0.1
"""How often they look."""


class Browser:
    """A page of some size, in light or dark."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, place: str | Path) -> None:
        """Load an address, or a file; returns when the page has loaded."""
        self.driver.get(place.resolve().as_uri() if isinstance(place, Path) else place)

    def show(self, width: int, height: int = 900, *, dark: bool = False, media: str = "") -> None:
        """Give the page a size in CSS pixels, and tell it that people prefer light or dark, and where it is shown.

        `media` is `print` for how paper would look, and nothing for a screen. An open page is told at once.
        """
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})

    def evaluate(self, expression: str, *values):
        """What a JavaScript expression is on the page; a promise is awaited. The values are `arguments`."""
        script = f"const done = arguments[arguments.length - 1]; Promise.resolve({expression}).then(done)"
        return self.driver.execute_async_script(script, *values)

    def wait_for(self, selector: str) -> WebElement:
        """The first element that a CSS selector finds, as soon as there is one.

        Raises:
            TimeoutException: there is none after a minute.
        """
        return WebDriverWait(self.driver, _PATIENCE_S, _LOOK_S).until(
            lambda driver: next(iter(driver.find_elements(By.CSS_SELECTOR, selector)), None)
        )

    def wait_until(self, expression: str, *values):
        """The value of a JavaScript expression, as soon as it is true of the page, or of the next one."""

        def look(_):
            try:
                return self.evaluate(expression, *values)
            except JavascriptException as error:
                if "document unloaded" not in str(error):
                    raise
                return None

        return WebDriverWait(self.driver, _PATIENCE_S, _LOOK_S).until(look)

    def errors(self) -> list[str]:
        """What the console has complained of since the last call: errors, refused requests, broken promises."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> Path:
        """Write the whole page, also what lies below the window, as PNG."""
        taken = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(taken["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        """Print the page as a printer would get it, without backgrounds."""
        printed = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False, "preferCSSPageSize": True})
        path.write_bytes(base64.b64decode(printed["data"]))
        return path


@contextmanager
def browser(width: int = 1280, height: int = 900, *, dark: bool = False) -> Iterator[Browser]:
    """A browser of its own, without a past; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = _CHROMIUM
        for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={max(width, 500)},{height}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, Service(_DRIVER))
        try:
            driver.set_script_timeout(_PATIENCE_S)
            driver.set_page_load_timeout(_PATIENCE_S)
            shown = Browser(driver)
            shown.show(width, height, dark=dark)
            yield shown
        finally:
            driver.quit()
