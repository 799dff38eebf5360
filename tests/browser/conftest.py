"""A headless Chromium, the machine's own; where there is none, or no playwright, these tests are skipped."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without a GPU and as root in a container; what a browser fetches for itself is left out.
FLAGS = ("--no-sandbox", "--no-first-run", "--disable-quic", "--disable-background-networking", "--use-gl=angle",
         "--use-angle=swiftshader", "--enable-unsafe-swiftshader")  # fmt: skip
PATIENCE = 300_000  # milliseconds: on a busy machine a kernel alone may take a minute to start


@pytest.fixture(scope="session")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine (on Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=[*FLAGS], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, request):
    """A fresh page; a test marked `offline` gets one without a network. Any error in its scripts fails the test."""
    context = chromium.new_context(viewport={"width": 1350, "height": 1200}, offline="offline" in request.keywords)
    context.set_default_timeout(PATIENCE)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(error))
    yield page
    context.close()
    assert not errors, errors
