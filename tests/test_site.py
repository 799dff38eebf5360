"""Pages made of executed notebooks: complete, with nothing fetched from elsewhere."""

import base64
import json
import re

import nbformat.v4
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from inverse_graphics import paths
from inverse_graphics.gallery import save_figure
from inverse_graphics.geometry.voxel_grids import voxel_surface
from inverse_graphics.plots.sliders import mesh_sliders
from inverse_graphics.site import FORMULA, SCRIPT, STYLE, _formula, write_site
from inverse_graphics.widgets import PLOTLY

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


def view():
    voxels = torch.zeros(8, 8, 8)
    voxels[2:5, 2:5, 2:5] = 1
    return json.loads(mesh_sliders({"size": {"a": voxel_surface(voxels), "b": voxel_surface(voxels[1:])}}).to_json())


def output(kind, content):
    return nbformat.v4.new_output("display_data", {kind: content})


@pytest.fixture
def notebook(workspace):
    """An executed notebook with a formula, a picture, a view and the cell that papermill puts in."""
    injected = nbformat.v4.new_code_cell("profile = 'injected'", metadata={"tags": ["injected-parameters"]})
    cells = [
        nbformat.v4.new_markdown_cell("# A <title>\n\nOpacity is $1 - e^{-1}$, and costs $\\frog."),
        injected,
        nbformat.v4.new_code_cell("draw()", outputs=[output("image/png", PIXEL), output(PLOTLY, view())]),
        nbformat.v4.new_code_cell('save_figure(figure, "tiny")', outputs=[output(PLOTLY, view())]),
    ]
    path = paths.BUILD / "notebooks" / "quick" / "05_tiny.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def write(notebook):
    return write_site([notebook], paths.FIGURES, paths.BUILD / "site").parent


def test_a_page_has_everything_and_shares_the_library(notebook):
    site = write(notebook)
    page = (site / "05_tiny.html").read_text(encoding="utf-8")
    assert "<title>A &lt;title&gt;</title>" in page and "injected" not in page
    assert page.count("Plotly.newPlot") == 2 and page.count(f'src="{SCRIPT}"') == 1
    assert len(set(re.findall(r'<div class="plotly-graph-div" id="([^"]+)"', page))) == 2
    assert PIXEL not in page and len(list((site / "05_tiny_files").glob("*.png"))) == 1
    assert len(page) < 100_000 < (site / SCRIPT).stat().st_size


def test_whatever_is_loaded_is_in_the_site(notebook):
    site = write(notebook)
    for file in (site / STYLE, *site.glob("*.html")):
        text = file.read_text(encoding="utf-8")
        loaded = re.findall(r'(?:src|href)="([^"]*)"', text) + re.findall(r"(?:@import|url\()\s*([^;)]*)", text)
        for address in loaded:
            assert address.startswith("data:") or (site / address).is_file(), f"{file.name} loads {address}"
        assert "cdn" not in text and "mathjax" not in text.lower()


def test_the_first_page_shows_the_gallerys_pictures_of_a_notebook(notebook):
    record = {"item": "", "profile": "quick", "numbers": {}}
    for name in ("tiny", "of_another"):
        figure = Figure()
        figure.subplots().plot([0, 1])
        save_figure(figure, name, caption=f"caption of {name}", **record)
    site = write(notebook)
    page = (site / "index.html").read_text(encoding="utf-8")
    assert '<a href="05_tiny.html">A &lt;title&gt;</a>' in page and 'alt="caption of tiny"' in page
    assert [file.name for file in (site / "thumbnails").iterdir()] == ["tiny.webp"]


def test_a_site_is_replaced_as_a_whole_and_only_by_a_whole_one(notebook):
    site = write(notebook)
    (site / "of_before.html").touch()
    broken = notebook.with_name("06_broken.ipynb")
    broken.write_text("{}")
    with pytest.raises(ValueError, match=r"06_broken.ipynb: expected an executed notebook"):
        write_site([notebook, broken], paths.FIGURES, site)
    assert (site / "of_before.html").exists()
    write(notebook)
    assert not (site / "of_before.html").exists() and (site / "05_tiny.html").exists()
    assert [entry.name for entry in paths.BUILD.iterdir() if entry.name.startswith(".")] == []
    with pytest.raises(ValueError, match="notebooks: expected one or more"):
        write_site([], paths.FIGURES, site)


def test_a_formula_is_a_picture_and_what_is_none_stays(notebook):
    page = (write(notebook) / "05_tiny.html").read_text(encoding="utf-8")
    assert '<img alt="1 - e^{-1}" class="formula" src="data:image/svg+xml;base64,' in page
    assert "costs $\\frog" in page


@pytest.mark.parametrize("path", sorted(paths.NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_formula_of_the_notebooks_can_be_drawn(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        if cell.cell_type == "markdown":
            drawn = FORMULA.sub(_formula, cell.source)
            assert not FORMULA.search(re.sub(r"<img[^>]*>", "", drawn)), drawn


def test_views_survive_the_way_to_the_page(notebook):
    """Arrays are sent as bytes; what the page's script gets is what was drawn."""
    page = (write(notebook) / "05_tiny.html").read_text(encoding="utf-8")
    bdata, dtype = re.search(r'"x":\{"bdata":"([^"]+)","dtype":"(\w+)"\}', page).groups()
    sent = np.frombuffer(base64.b64decode(bdata.replace("\\u002f", "/")), dtype)
    drawn = view()["data"][0]["x"]
    assert np.array_equal(sent, np.frombuffer(base64.b64decode(drawn["bdata"]), drawn["dtype"])) and len(sent) > 9
