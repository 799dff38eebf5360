"""The explorer as a person has it: JupyterLab, a slider moved, a digit drawn, a file saved."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
import trimesh

from inverse_graphics import paths

TOKEN = "of-this-test"
START = 300  # seconds that JupyterLab may take to answer
DONE = """() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter((cell) => cell.model.type === "code");
  return cells.every((cell) => cell.model.executionCount !== null);
}"""
READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.content?.widgets?.length > 3 && panel.sessionContext?.session?.kernel?.status === "idle";
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === "code").flatMap((cell) => cell.model.outputs.toJSON())
  .filter((output) => output.output_type === "error").map((output) => output.evalue)"""
PIXELS = """(image) => {
  const canvas = document.createElement("canvas");
  if (!image.complete || !image.naturalWidth) return "";
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
}"""
CHANGED = f"([image, before]) => {{ const now = ({PIXELS})(image); return now && now !== before; }}"


@pytest.fixture
def lab(tmp_path, chromium):  # chromium first: without it, nothing needs to be started
    """JupyterLab on a project folder of its own, with the notebook and what is shipped; (address, folder)."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").symlink_to(paths.DATA)
    shutil.copy(paths.NOTEBOOKS / "90_explorer.ipynb", tmp_path / "notebooks")
    settings = tmp_path / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"windowingMode": "none"}))  # else cells out of sight are not there
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    own = {
        "INVERSE_GRAPHICS_ROOT": "", "INVERSE_GRAPHICS_FIGURES": "figures", "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "jupyter",
        "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython",
    }  # fmt: skip
    environment = os.environ | {name: str(tmp_path / place) for name, place in own.items()}
    environment["PYTHONPATH"] = str(paths.ROOT / "lib")
    environment.pop("INVERSE_GRAPHICS_HEADLESS", None)
    options = [
        "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1",
        f"--IdentityProvider.token={TOKEN}", f"--notebook-dir={tmp_path / 'notebooks'}",
        "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    log = tmp_path / "lab.log"
    with open(log, "wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START
        while not answers(f"{address}/api/status?token={TOKEN}"):
            assert server.poll() is None, f"JupyterLab ended:\n{log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"JupyterLab did not answer:\n{log.read_text()[-2000:]}"
            time.sleep(0.2)
        yield address, tmp_path
    finally:
        server.terminate()  # it ends its kernels
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as reply:
            return reply.status == 200
    except OSError:
        return False


def test_a_slider_a_drawing_and_a_saved_shape(lab, page):
    address, folder = lab
    page.goto(f"{address}/lab/tree/90_explorer.ipynb?token={TOKEN}&reset")
    page.wait_for_function(READY)
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    page.wait_for_function(DONE)
    assert page.evaluate(ERRORS) == []

    picture, shape = (page.locator("img.widget-image").nth(number).element_handle() for number in (0, 1))
    page.wait_for_function(CHANGED, arg=[shape, ""])

    def seen_to_change(image, before):
        page.wait_for_function(CHANGED, arg=[image, before])
        return image.evaluate(PIXELS)

    handle = page.locator(".widget-hslider", has_text="azimuth °").locator(".noUi-handle")
    handle.scroll_into_view_if_needed()
    before = shape.evaluate(PIXELS)
    handle.focus()
    page.keyboard.press("ArrowRight")
    turned = seen_to_change(shape, before)

    blank = picture.evaluate(PIXELS)
    pad = page.locator("canvas.sketch-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    stroke = [(0.25, 0.22), (0.75, 0.22), (0.45, 0.85)]  # a seven
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=12)
    page.mouse.up()
    seen_to_change(picture, blank)
    seen_to_change(shape, turned)
    page.locator(".widget-html", has_text="resampled to 28×28").wait_for()  # what was done to the drawing

    page.locator(".widget-button", has_text="save").click()
    page.locator(".widget-html", has_text="saved ").wait_for()
    (file,) = (folder / "build" / "shapes").iterdir()
    mesh = trimesh.load_mesh(file)
    assert file.suffix == ".glb" and mesh.is_watertight and mesh.volume > 0
