"""The explorer: one's own picture, or a latent, becomes a shape that can be looked at, changed, compared and saved.

    explorer = Explorer()
    show(explorer)

Pictures come from an upload, a path, a sketch pad or the stored examples of a model. Callbacks write into widgets that
stand there from the start; whatever goes wrong is said in place.
"""

import base64
import functools
import html
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anywidget
import ipywidgets
import plotly.graph_objects as go
import torch
import traitlets
from PIL import Image, ImageDraw
from torch import Tensor

from inverse_graphics import paths
from inverse_graphics.datasets import DatasetError
from inverse_graphics.datasets.pictures import PreparedPicture, prepare_picture
from inverse_graphics.experiments.own_pictures import MODELS, Model, Shape, VoxelShape, open_model
from inverse_graphics.export import save_mesh, save_picture
from inverse_graphics.geometry.meshes import Mesh
from inverse_graphics.plots.charts import picture_row
from inverse_graphics.plots.sliders import MOST, STEPS, mesh_sliders
from inverse_graphics.plots.styles import Figure
from inverse_graphics.renderers.lit_meshes import LIGHT, lit_picture
from inverse_graphics.training.loop import generator_for
from inverse_graphics.widgets import one_thread

SIDE = 256  # pixels of a picture of a shape
SMALL = 168  # pixels of a picture that goes in, on the screen
COMPONENTS = 4  # of a latent that get a slider
REACH = 3.0  # standard deviations, to either side, of such a slider
PAD, PEN = 280, 20  # pixels of the sketch pad's side and of its line
NONE = "none"
FORMATS = ("glb", "obj", "ply", "stl", "png")
MISTAKES = (DatasetError, ValueError, OSError)


class Explorer:
    """Made for a notebook; shown with `widgets.show`.

    Args:
        model: name of `own_pictures.MODELS` to begin with.
        folder: where shapes are saved; None takes `build/shapes`.

    Fields that a notebook or a test may use:
        model, compared: dropdowns of models; the second one's shape stands beside the first one's.
        example, upload, path, sample: where the picture or the latent comes from; `pad` is the sketch pad.
        slot: which picture a new one becomes, `first` or `second`; `between` goes from one to the other.
        azimuth, elevation, light, threshold: of the view.
        latents: sliders, in standard deviations of the latents of test pictures.
        format, save: the button that writes a file, and its format.
        picture, shape, beside: what is seen; `message` says what was done to a picture, where a file went, what failed.
        widget: all of it, to display.
    """

    def __init__(self, model: str = "digits", folder: Path | None = None) -> None:
        self.folder = folder or paths.BUILD / "shapes"
        self._opened: dict[str, Model] = {}
        self._sources: dict[str, PreparedPicture | Image.Image | bytes | Path | None] = {"first": None, "second": None}
        self._codes: dict[str, Tensor] = {}  # of the model: the latents of the two slots
        self._drawn: dict[str, tuple[Shape, Mesh]] = {}
        self._quiet = False
        self._draws = 0

        self.model = _dropdown("model", list(MODELS), model)
        self.compared = _dropdown("beside it", [NONE, *MODELS], NONE)
        self.example = _dropdown("example", [], None)
        self.upload = ipywidgets.FileUpload(accept="image/*", description="upload", layout={"width": "150px"})
        self.path = ipywidgets.Text(description="path", placeholder="picture.jpg", continuous_update=False)
        self.pad = SketchPad(side=PAD, pen=PEN)
        self.sample = ipywidgets.Button(description="random sample", layout={"width": "150px"})
        self.slot = ipywidgets.ToggleButtons(options=["first", "second"], style={"button_width": "70px"})
        self.between = _slider("first – second", 0, 0, 1, 0.05)
        self.azimuth = _slider("azimuth °", 30, -180, 180, 5)
        self.elevation = _slider("elevation °", 20, -85, 85, 5)
        self.light = _slider("light °", -35, -180, 180, 5)
        self.threshold = _slider("threshold", 0.05, 0.01, 0.95, 0.01)
        self.latents = [_slider(f"latent {k}", 0, -REACH, REACH, 0.1) for k in range(COMPONENTS)]
        self.format = _dropdown("as", FORMATS, "glb", width="150px")
        self.save = ipywidgets.Button(description="save", icon="download", layout={"width": "100px"})
        self.picture, self.shape, self.beside = (
            ipywidgets.Image(format="png", width=side, height=side) for side in (SMALL, SIDE, SIDE)
        )
        self.message = ipywidgets.HTML()
        self.message.layout.min_height = "28px"

        self.model.observe(self._on_model, "value")
        self.compared.observe(self._on_code, "value")
        self.example.observe(self._on_example, "value")
        self.upload.observe(self._on_upload, "value")
        self.path.observe(self._on_path, "value")
        self.pad.observe(self._on_drawing, "drawing")
        self.sample.on_click(self._on_sample)
        for slider in (self.between, *self.latents):
            slider.observe(self._on_code, "value")
        self.threshold.observe(self._on_threshold, "value")
        for slider in (self.azimuth, self.elevation, self.light):
            slider.observe(self._on_view, "value")
        self.save.on_click(self._on_save)
        self._on_model()

    # What is seen

    @functools.cached_property
    def widget(self) -> ipywidgets.Widget:
        def row(*widgets: ipywidgets.Widget) -> ipywidgets.Widget:
            return ipywidgets.Box(widgets, layout={"flex_flow": "row wrap", "align_items": "flex-start"})

        def under(caption: str, *widgets: ipywidgets.Widget) -> ipywidgets.Widget:
            text = f"<div style='color:#6b7480;font-size:12px;line-height:1.4'>{caption}</div>"
            return ipywidgets.VBox([ipywidgets.HTML(text), *widgets], layout={"margin": "0 14px 0 0"})

        return ipywidgets.VBox(
            [
                row(self.model, self.compared, self.example),
                row(self.slot, self.upload, self.sample, self.path),
                row(self.between, *self.latents),
                row(self.azimuth, self.elevation, self.light, self.threshold),
                self.message,
                row(
                    under("the picture, as the model gets it", self.picture),
                    under("the shape", self.shape),
                    under("beside it", self.beside),
                    under("draw here (double-click: clear)", self.pad),
                ),
                row(self.format, self.save),
            ]
        )

    def static(self) -> Figure:
        """The picture and its shape from three sides, as a matplotlib figure."""
        mesh = self._drawn["shape"][1]
        pictures = {} if self._shown is None else {"picture": _on_screen(self._shown)}
        for azimuth in (0, 30, 90):
            pictures[f"{azimuth}°"] = lit_picture(mesh, math.radians(azimuth), math.radians(20)).permute(1, 2, 0)
        return picture_row(pictures, title=f"{self.model.value}: {MODELS[self.model.value].title}")

    @torch.no_grad()
    def precomputed(self) -> go.Figure:
        """What needs no kernel: the shape to turn, a slider over the examples and one over the widest component."""
        with one_thread():
            model = self._open(self.model.value)
            shapes = {
                "example": {str(number): model.decode(z) for number, z in enumerate(self._examples[:MOST], 1)},
                self.latents[0].description: {
                    f"{offset:+.1f} σ": model.decode(self._moved(self._examples[0], [offset]))
                    for offset in torch.linspace(-REACH, REACH, STEPS).tolist()
                },
            }
            meshes = {
                name: {label: self._mesh(shape) for label, shape in positions.items()}
                for name, positions in shapes.items()
            }
            return mesh_sliders(meshes, self.azimuth.value, self.elevation.value)

    # What happens

    def _on_model(self, _: object = None) -> None:
        with self._careful(), self._silent():
            self._codes, self._sources = {}, {"first": None, "second": None}
            self._examples, _, spread = self._open(self.model.value).codes
            self._chosen = spread.argsort(descending=True, stable=True)[:COMPONENTS].tolist()
            self._spread = spread[self._chosen]
            for slider, component in zip(self.latents, self._chosen, strict=False):
                slider.description, slider.value = f"z[{component}]", 0
            self.threshold.value = getattr(MODELS[self.model.value], "threshold", self.threshold.value)
            self.threshold.disabled = MODELS[self.model.value].kind != "voxels"
            self.example.options = [f"example {number + 1}" for number in range(len(self._examples))]
            self.example.value = self.example.options[0]
            self.between.value = 0
            self._place(self._examples[0])
        self._on_code()

    def _on_example(self, _: object = None) -> None:
        if self._quiet or self.example.value is None:
            return
        with self._careful():
            self._place(self._examples[self.example.index])
            self._redraw()

    def _on_upload(self, _: object = None) -> None:
        if self.upload.value:
            self._take(bytes(self.upload.value[-1]["content"]))

    def _on_path(self, _: object = None) -> None:
        if self.path.value.strip():
            self._take(Path(self.path.value.strip()).expanduser())

    def _on_drawing(self, _: object = None) -> None:
        if self.pad.drawing:
            self._take(base64.b64decode(self.pad.drawing.partition(",")[2]))

    def _on_sample(self, _: object = None) -> None:
        with self._careful():
            self._draws += 1
            _, mean, spread = self._open(self.model.value).codes
            self._place(mean + spread * torch.randn(len(mean), generator=generator_for(self._draws, 0)))
            self._redraw()

    def _on_code(self, _: object = None) -> None:
        if not self._quiet:
            with self._careful():
                self._redraw()

    def _on_threshold(self, _: object = None) -> None:
        if not self._quiet:
            with self._careful():
                self._drawn = {place: (shape, self._mesh(shape)) for place, (shape, _) in self._drawn.items()}
                self._look()

    def _on_view(self, _: object = None) -> None:
        if not self._quiet:
            with self._careful():
                self._look()

    def _on_save(self, _: object = None) -> None:
        with self._careful():
            suffix, number = self.format.value, 1
            while (file := self.folder / f"{self.model.value}-{number}.{suffix}").exists():
                number += 1
            self.folder.mkdir(parents=True, exist_ok=True)
            shape, mesh = self._drawn["shape"]
            save_picture(self._lit(shape, mesh), file) if suffix == "png" else save_mesh(mesh, file)
            self._say(f"saved {file}")

    # How it is done

    def _take(self, source: Image.Image | bytes | Path) -> None:
        """A new picture for the slot that is chosen."""
        with self._careful():
            model = self._open(self.model.value)
            prepared = prepare_picture(source, model.layout)
            self._sources[self.slot.value] = source
            self._codes[self.slot.value] = model.encode(prepared.image)
            with self._silent():
                for slider in self.latents:
                    slider.value = 0
                self.between.value = float(self.slot.value == "second" and "first" in self._codes)
            self._redraw()
            self._say(prepared.told)

    def _place(self, latent: Tensor) -> None:
        """A latent without a picture for the slot that is chosen."""
        self._sources[self.slot.value], self._codes[self.slot.value] = None, latent
        with self._silent():
            for slider in self.latents:
                slider.value = 0
            self.between.value = float(self.slot.value == "second" and "first" in self._codes)

    def _latent(self) -> Tensor:
        first = self._codes.get("first", next(iter(self._codes.values())))
        latent = torch.lerp(first, self._codes.get("second", first), self.between.value)
        return self._moved(latent, [slider.value for slider in self.latents[: len(self._chosen)]])

    def _moved(self, latent: Tensor, offsets: Sequence[float]) -> Tensor:
        """The latent, its first few of the chosen components moved by so many standard deviations."""
        moved, count = latent.clone(), len(offsets)
        moved[self._chosen[:count]] += torch.tensor(offsets) * self._spread[:count]
        return moved

    def _untouched(self) -> str | None:
        """The slot whose picture is shown as it is: nothing is between, and no latent moved."""
        if any(slider.value for slider in self.latents) or self.between.value not in (0, 1):
            return None
        slot = "second" if self.between.value == 1 else "first"
        return slot if self._sources[slot] is not None else None

    @torch.no_grad()
    def _redraw(self) -> None:
        with one_thread():
            model, slot = self._open(self.model.value), self._untouched()
            prepared = prepare_picture(self._sources[slot], model.layout) if slot else None
            self._shown = prepared.image if prepared else None
            shape = model.decode(self._latent(), self._shown)
            self._drawn = {"shape": (shape, self._mesh(shape))}
            self.picture.value = _png(_on_screen(self._shown), SMALL) if prepared else BLANK
            if self.compared.value != NONE:
                other = self._open(self.compared.value)
                if slot is None:
                    raise ValueError("beside it: models have latents of their own; only a picture can be compared")
                theirs = other.reconstruct(prepare_picture(self._sources[slot], other.layout).image)
                self._drawn["beside"] = theirs, theirs.mesh()
            self._look()

    def _look(self) -> None:
        with one_thread():
            seen = dict.fromkeys(("shape", "beside"), BLANK)
            for place, (shape, mesh) in self._drawn.items():
                if len(mesh.faces):
                    seen[place] = _png(self._lit(shape, mesh).permute(1, 2, 0), SIDE)
                else:
                    self._say("Empty at this threshold: no cell is that full.")
            self.shape.value, self.beside.value = seen["shape"], seen["beside"]

    def _lit(self, shape: Shape, mesh: Mesh) -> Tensor:
        azimuth, elevation, light = (math.radians(s.value) for s in (self.azimuth, self.elevation, self.light))
        across = math.hypot(LIGHT[0], LIGHT[2])
        towards = (across * math.sin(light), LIGHT[1], across * math.cos(light))
        closed = isinstance(shape, VoxelShape)
        return lit_picture(mesh, azimuth, elevation, SIDE, light=towards, closed=closed)

    def _mesh(self, shape: Shape) -> Mesh:
        return shape.mesh(self.threshold.value) if isinstance(shape, VoxelShape) else shape.mesh()

    def _open(self, name: str) -> Model:
        if name not in self._opened:
            self._opened[name] = open_model(name)
        return self._opened[name]

    def _say(self, text: str, colour: str = "#6b7480") -> None:
        self.message.value = f"<span style='color:{colour}'>{html.escape(text)}</span>"

    @contextmanager
    def _careful(self) -> Iterator[None]:
        """Whatever goes wrong is said in place, and the widget stays alive."""
        self.message.value = ""
        try:
            yield
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            self._say(text if isinstance(error, MISTAKES) else f"Not redrawn. {text}", "#b3261e")

    @contextmanager
    def _silent(self) -> Iterator[None]:
        """While several controls are set at once."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before


class SketchPad(anywidget.AnyWidget):
    """A black square to draw on with a white pen.

    Traits:
        side, pen: pixels, of the square and of the line.
        drawing: data URL of a PNG, set each time the pen is lifted; empty once the pad is cleared.
    """

    _esm = """
    export default { render({ model, el }) {
      const side = model.get("side"), canvas = document.createElement("canvas");
      Object.assign(canvas, { width: side, height: side, className: "sketch-pad" });
      Object.assign(canvas.style, { touchAction: "none", cursor: "crosshair", background: "black" });
      const pen = canvas.getContext("2d");
      const clear = () => { pen.fillStyle = "black"; pen.fillRect(0, 0, side, side); };
      const tell = (drawing) => { model.set("drawing", drawing); model.save_changes(); };
      Object.assign(pen, { strokeStyle: "white", lineWidth: model.get("pen"), lineCap: "round", lineJoin: "round" });
      let drawn = false;
      canvas.onpointerdown = (event) => {
        canvas.setPointerCapture(event.pointerId);
        pen.beginPath(); pen.moveTo(event.offsetX, event.offsetY); drawn = false;
      };
      canvas.onpointermove = (event) => {
        if (!event.buttons) return;
        pen.lineTo(event.offsetX, event.offsetY); pen.stroke(); drawn = true;
      };
      canvas.onpointerup = () => { if (drawn) tell(canvas.toDataURL("image/png")); };
      canvas.ondblclick = () => { clear(); tell(""); };
      clear(); el.appendChild(canvas);
    } };
    """
    side = traitlets.Int(PAD).tag(sync=True)
    pen = traitlets.Int(PEN).tag(sync=True)
    drawing = traitlets.Unicode("").tag(sync=True)


def sketch(lines: Sequence[Sequence[tuple[float, float]]], side: int = PAD, pen: int = PEN) -> Image.Image:
    """What a pad would have of some lines: white on black.

    Args:
        lines: corners (x, y) of each, in pixels from the top left.

    Raises:
        ValueError: a line of fewer than two points.
    """
    picture = Image.new("L", (side, side))
    draw = ImageDraw.Draw(picture)
    for line in lines:
        if len(line) < 2:
            raise ValueError(f"lines: expected two points or more in each, got {line!r}")
        draw.line(list(line), fill=255, width=pen, joint="curve")
        for x, y in (line[0], line[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return picture


def _slider(name: str, value: float, low: float, high: float, step: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        value, min=low, max=high, step=step, description=name, layout={"width": "330px"},
        style={"description_width": "90px"},
    )  # fmt: skip


def _dropdown(name: str, options: Sequence[str], value: str | None, width: str = "250px") -> ipywidgets.Dropdown:
    return ipywidgets.Dropdown(options=list(options), value=value, description=name, layout={"width": width})


def _on_screen(picture: Tensor) -> Tensor:
    """(C, H, W) → (H, W, 3), grey where there is one channel."""
    return picture.expand(3, -1, -1).permute(1, 2, 0)


def _png(picture: Tensor, side: int) -> bytes:
    """(H, W, 3) in [0, 1] → bytes of a PNG, `side` pixels wide, each cell a square."""
    image = Image.fromarray((picture.clamp(0, 1) * 255).round().byte().numpy())
    file = io.BytesIO()
    image.resize((side, side), Image.Resampling.NEAREST).save(file, "png", compress_level=1)
    return file.getvalue()


BLANK = _png(torch.ones(1, 1, 3), 1)  # in a browser, an image without a value is a broken one
