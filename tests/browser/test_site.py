"""A page of the site in a browser without a network: its view turns, and a slider changes the picture."""

import io
import json
import time

import nbformat.v4
import pytest
from PIL import Image

from inverse_graphics import paths
from inverse_graphics.explorer import Explorer
from inverse_graphics.site import write_site
from inverse_graphics.widgets import PLOTLY

PATIENCE = 300  # seconds that a view may take on a busy machine


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Of a notebook that showed the explorer headlessly."""
    folder = tmp_path_factory.mktemp("site")
    figure = json.loads(Explorer().precomputed().to_json())
    output = nbformat.v4.new_output("display_data", {PLOTLY: figure})
    cells = [nbformat.v4.new_markdown_cell("# Explorer"), nbformat.v4.new_code_cell("show()", outputs=[output])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "90_explorer.ipynb")
    return write_site([folder / "90_explorer.ipynb"], paths.FIGURES, folder / "site").parent


def settled(page):
    """The view's pixels, once two looks at it, a moment apart, see the same and there is a shape."""
    view, before, deadline = page.locator(".gl-container canvas").first, None, time.monotonic() + PATIENCE
    while (now := view.screenshot()) != before or colours(now) < 50:
        assert time.monotonic() < deadline, "the view is empty, or does not come to rest"
        before = now
        page.wait_for_timeout(300)
    return now


def colours(png):
    return len(Image.open(io.BytesIO(png)).convert("RGB").getcolors(1 << 20))


@pytest.mark.offline
def test_a_view_turns_and_a_slider_moves_without_a_kernel_and_a_network(site, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "90_explorer.html").as_uri())
    page.wait_for_selector(".slider-rail-touch-rect")
    page.wait_for_selector(".gl-container canvas")
    first = settled(page)
    for number in range(2):
        rail = page.locator(".slider-rail-touch-rect").nth(number)
        rail.scroll_into_view_if_needed()
        box = rail.bounding_box()
        page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_function("() => !document.querySelector('.js-plotly-plot').data[0].visible")
        assert settled(page) != first, f"slider {number} changed nothing"
        first = settled(page)
    box = page.locator(".gl-container").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 30, steps=5)
    page.mouse.up()
    assert settled(page) != first, "the view did not turn"
    assert asked and all(url.startswith(("file:", "data:", "blob:")) for url in asked), asked
