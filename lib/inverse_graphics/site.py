"""Executed notebooks as static pages: 3D views turn and sliders move without a kernel and without a network.

What all pages share lies beside them once (plotly.js, a style sheet); pictures are files. The pages are nbconvert's
bare ones in a frame of ours, because its full ones fetch libraries from elsewhere.
"""

import base64
import html
import io
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inverse_graphics.gallery import read_records
from inverse_graphics.widgets import PLOTLY

SCRIPT, STYLE = "plotly.min.js", "style.css"
THUMBNAIL = 360, 240  # pixels, at most, of a picture on the first page
MOST = 4  # pictures of a notebook there
FORMULA = re.compile(r"\$\$([^$]+)\$\$|\$([^$\n]+)\$")
FORMULA_SIZE = 11.5  # points
CSS = """
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #2b323b; background: white;
       font: 16px/1.55 system-ui, sans-serif; }
a { color: #1f5fa8; } img { max-width: 100%; height: auto; } img.formula { max-width: none; }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
.input_area pre { background: #f5f7f9; padding: .7rem; }
div.output_wrapper { margin: .8rem 0; overflow-x: auto; } .output_stderr { background: #fdecea; }
table { border-collapse: collapse; font-size: 13px; } td, th { border: 1px solid #dfe4ea; padding: .25rem .5rem; }
nav { font-size: 14px; } ul.notebooks { padding: 0; list-style: none; } .notebooks li { margin: 1.2rem 0; }
.pictures { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; } .pictures img { max-height: 150px; }
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
{scripts}</head>
<body>
{body}
</body>
</html>
"""


def write_site(notebooks: Sequence[Path], figures: Path, folder: Path) -> Path:
    """Write executed notebooks as pages into a folder, in place of what was there, and a first page that lists them.

    Args:
        notebooks: executed, as `pipeline.run_notebook` leaves them; each becomes NAME.html.
        figures: folder of the gallery, whose pictures the first page shows.
        folder: takes nothing else; made if need be, replaced as a whole once all is written.

    Returns:
        The first page, index.html.

    Raises:
        ValueError: no notebook, or one that is not a notebook; the message names it.
    """
    if not notebooks:
        raise ValueError("notebooks: expected one or more, got none")
    from plotly.offline import get_plotlyjs
    from pygments.formatters import HtmlFormatter

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        titles = {path.stem: _write_page(path, new) for path in notebooks}
        (new / SCRIPT).write_text(get_plotlyjs(), encoding="utf-8")
        (new / STYLE).write_text(CSS + HtmlFormatter(style="friendly").get_style_defs(".highlight"), encoding="utf-8")
        _write_first_page(dict(zip(titles, notebooks, strict=True)), titles, figures, new)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        new.rename(folder)
    return folder / "index.html"


def _write_page(path: Path, folder: Path) -> str:
    """Write a notebook's page and its pictures; return its title."""
    import nbformat
    from nbconvert import HTMLExporter

    try:
        notebook = nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise ValueError(f"{path}: expected an executed notebook ({error})") from error
    cells = notebook.cells
    cells[:] = [cell for cell in cells if "injected-parameters" not in cell.metadata.get("tags", ())]
    views = 0
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(_formula, cell.source)
        cell.metadata["alt"] = "What the code above draws"
        for output in cell.get("outputs", ()):
            if PLOTLY in output.get("data", {}):
                views += 1
                output.data = nbformat.from_dict({"text/html": _view(output.data[PLOTLY], f"view-{views}")})
    exporter = HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    exporter.register_preprocessor("nbconvert.preprocessors.ExtractOutputPreprocessor", enabled=True)
    pictures = f"{path.stem}_files"
    body, resources = exporter.from_notebook_node(
        notebook, resources={"unique_key": path.stem, "output_files_dir": pictures}
    )
    (folder / pictures).mkdir()
    for name, content in resources["outputs"].items():
        (folder / name).write_bytes(content)
    title = _title(notebook) or path.stem
    script = f'<script src="{SCRIPT}"></script>\n' if views else ""
    body = f'<nav><a href="index.html">All notebooks</a></nav>\n{body}'
    (folder / f"{path.stem}.html").write_text(_page(title, body, script), encoding="utf-8")
    return title


def _write_first_page(notebooks: dict[str, Path], titles: dict[str, str], figures: Path, folder: Path) -> None:
    """A picture of the gallery belongs to the notebook whose code names it."""
    records = read_records(figures)[0]
    (folder / "thumbnails").mkdir()
    entries = []
    for name, path in notebooks.items():
        code = path.read_text(encoding="utf-8")
        named = {code.find(f'\\"{record}\\"'): record for record in records if (figures / f"{record}.png").is_file()}
        first = [named[place] for place in sorted(named) if place >= 0][:MOST]
        pictures = "".join(_thumbnail(figures / f"{record}.png", records[record], folder) for record in first)
        entries.append(
            f'<li><a href="{name}.html">{html.escape(titles[name])}</a>'
            f'<a class="pictures" href="{name}.html">{pictures}</a></li>'
        )
    body = (
        "<h1>One picture in, a shape out</h1>\n<p>The notebooks as they ran. Views in 3D turn with the mouse, and "
        "sliders show what was drawn beforehand; with a kernel, there are more.</p>\n"
        f'<ul class="notebooks">\n{"".join(f"{entry}{chr(10)}" for entry in entries)}</ul>'
    )
    (folder / "index.html").write_text(_page("One picture in, a shape out", body), encoding="utf-8")


def _page(title: str, body: str, scripts: str = "") -> str:
    return PAGE.format(title=html.escape(title), style=STYLE, scripts=scripts, body=body)


def _title(notebook: Any) -> str:
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return cell.source.splitlines()[0].removeprefix("# ").strip()
    return ""


def _view(figure: dict[str, Any], name: str) -> str:
    from plotly.io import to_html

    config = {"displayModeBar": False}  # the mouse alone turns and zooms
    return to_html(figure, config, include_plotlyjs=False, full_html=False, validate=False, div_id=name)


def _formula(match: re.Match[str]) -> str:
    """A formula as a picture: the usual library for them would have to be fetched from elsewhere."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    formula, file = match[1] or match[2], io.BytesIO()
    try:
        depth = math_to_image(f"${formula}$", file, format="svg", prop=FontProperties(size=FORMULA_SIZE))
    except ValueError:  # not a formula, or one that this small renderer does not know
        return match[0]
    address = "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()
    return f'<img class="formula" alt="{html.escape(formula)}" src="{address}" style="vertical-align:-{depth:g}pt">'


def _thumbnail(picture: Path, record: dict[str, Any], folder: Path) -> str:
    from PIL import Image

    name = f"thumbnails/{picture.stem}.webp"
    with Image.open(picture, formats=("PNG", "GIF")) as image:
        small = image.convert("RGB")
        small.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
        small.save(folder / name, quality=80)
    return f'<img src="{name}" alt="{html.escape(record["caption"])}" title="{html.escape(record["caption"])}">'
