"""The project as a whole: pins, the Makefile's help, the direction of imports, what notebooks may hold, set-up."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from inverse_graphics import paths

PACKAGE = paths.ROOT / "lib" / "inverse_graphics"
PINS = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
NOTEBOOKS = sorted(paths.NOTEBOOKS.glob("*.ipynb"))

# Imports point up this list: a room may import from rooms in rows above its own, never sideways or down.
ORDER = (
    ("paths", "items"),
    ("files", "checks"),
    ("results",),
    ("geometry",),
    ("renderers",),
    ("datasets",),
    ("models",),
    ("objectives", "metrics"),
    ("training",),
    ("experiments",),
    ("plots", "gallery", "headless", "export"),
    ("pipeline", "preloaded"),
    ("widgets", "surfel_widgets"),
    ("explorer", "site"),
    ("verbs",),
    ("cli",),
)
ROW = {room: row for row, rooms in enumerate(ORDER) for room in rooms}


def pinned(lines):
    """Package name → version; names as pip compares them."""
    pairs = [re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.]+)", line) for line in lines]
    assert all(pairs), f"not an exact pin: {[line for line, pair in zip(lines, pairs, strict=True) if not pair]}"
    return {re.sub(r"[-_.]+", "-", pair[1]).lower(): pair[2] for pair in pairs}


def test_pins_are_exact_and_hold_in_constraints():
    pins = pinned(PINS)
    assert len(pins) == len(PINS)
    lines = (paths.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    constraints = pinned([line for line in lines if not line.startswith("#")])
    assert {name: constraints.get(name) for name in pins} == pins


def test_conda_gets_the_same_pins():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "inverse-graphics"
    assert [*environment["dependencies"][:2], environment["dependencies"][2]["pip"][-1]] == [
        "python=3.11",
        "pip",
        "-e .",
    ]


def test_help_lists_every_target():
    makefile = (paths.ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE)
    help = subprocess.run(
        ["make", "-C", paths.ROOT, "--no-print-directory"], capture_output=True, text=True, check=True
    )
    assert re.findall(r"^  make ([a-z-]+) +\S", help.stdout, flags=re.MULTILINE) == targets
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[1].split()
    assert set(targets) <= set(phony)


def room_imports(file):
    """(line, room) for each import of a room of the package in a file, those inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are written in full here"
            inside = node.module == "inverse_graphics"
            names = [f"inverse_graphics.{alias.name}" for alias in node.names] if inside else [node.module]
        for name in names:
            parts = name.split(".")
            if parts[0] == "inverse_graphics" and len(parts) > 1 and not parts[1].startswith("_"):
                yield node.lineno, parts[1]


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file):
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        assert list(room_imports(file)) == []
        return
    assert room in ROW, f"give the room {room!r} its place in ORDER"
    for line, other in room_imports(file):
        assert other in ROW, f"{file}:{line}: give the room {other!r} its place in ORDER"
        assert other == room or ROW[other] < ROW[room], f"{file}:{line}: {room} must not import {other}"


def test_modules_are_named_for_what_they_hold():
    vague = {"utils", "util", "misc", "helpers", "helper", "common"}
    assert [file for file in PACKAGE.rglob("*.py") if file.stem in vague or re.search(r"_v\d+$", file.stem)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_prose_and_short_cells_only(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert any("parameters" in cell["metadata"].get("tags", ()) for cell in code), "no cell tagged `parameters`"
    for cell in code:
        source = "".join(cell["source"])
        python = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
        for node in ast.walk(ast.parse(python)):
            assert not isinstance(node, ast.ClassDef), f"class {node.name}: classes live in lib/"
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                assert lines <= 10, f"def {node.name} has {lines} lines: move it to lib/"
        if "keep_output" not in cell["metadata"].get("tags", ()):
            assert cell["outputs"] == [] and cell["execution_count"] is None, f"strip the outputs of: {source[:60]!r}"


# Set-up


@pytest.fixture
def setup_environment(tmp_path, monkeypatch):
    """tools/setup_environment.py as a module, working on an empty folder and running no command."""
    spec = importlib.util.spec_from_file_location("setup_environment", paths.ROOT / "tools" / "setup_environment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    commands = []

    def run(command):
        commands.append(command)
        if "venv" in command:
            module.PYTHON.parent.mkdir(parents=True)
            module.PYTHON.touch()
        wanted = [word for word in module.fail if any(word in part for part in command)]
        return "no such thing" if wanted else None

    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((paths.ROOT / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / ".complete")
    monkeypatch.setattr(module, "CONSTRAINTS", tmp_path / "constraints.txt")
    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "has_nvidia", lambda: False)
    monkeypatch.setattr(module.sys, "platform", "linux")
    module.commands, module.fail = commands, []
    return module


def test_set_up_is_done_once_and_again_when_something_changed(setup_environment):
    assert setup_environment.main() == 0
    assert any("torch==2.13.0+cpu" in command for command in setup_environment.commands)
    done = len(setup_environment.commands)
    assert setup_environment.main() == 0 and len(setup_environment.commands) == done
    setup_environment.CONSTRAINTS.write_text("")
    assert setup_environment.main() == 0 and len(setup_environment.commands) == 2 * done


def test_an_interrupted_set_up_starts_again(setup_environment, capsys):
    setup_environment.fail = ["-e"]
    assert setup_environment.main() == 1
    assert "pip could not install the packages. Its last lines:\nno such thing" in capsys.readouterr().err
    assert not setup_environment.STAMP.exists()
    leftover = setup_environment.VENV / "half"
    leftover.touch()
    setup_environment.fail = []
    assert setup_environment.main() == 0
    assert setup_environment.STAMP.exists() and not leftover.exists()


def test_the_cpu_build_of_torch_is_tried_in_three_ways(setup_environment, capsys):
    setup_environment.fail = ["+cpu"]
    assert setup_environment.main() == 0
    assert any("--torch-backend=cpu" in command for command in setup_environment.commands)
    setup_environment.STAMP.unlink()
    setup_environment.fail = ["+cpu", "--torch-backend"]
    assert setup_environment.main() == 0
    assert "no CPU build can be reached" in capsys.readouterr().out


def test_a_gpu_machine_gets_the_plain_build(setup_environment, monkeypatch):
    monkeypatch.setattr(setup_environment, "has_nvidia", lambda: True)
    assert setup_environment.main() == 0
    assert not any("cpu" in part for command in setup_environment.commands for part in command[1:])


def test_set_up_says_what_is_missing(setup_environment, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    assert setup_environment.main() == 1
    assert "no `ensurepip` module" in (error := capsys.readouterr().err) and "apt install python3-venv" in error
    monkeypatch.setattr(setup_environment.sys, "version_info", (3, 9, 2))
    assert setup_environment.main() == 1
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err
    assert setup_environment.commands == []


def test_set_up_needs_the_standard_library_only():
    tree = ast.parse((paths.ROOT / "tools" / "setup_environment.py").read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {module.split(".")[0] for module in modules} <= set(sys.stdlib_module_names)


def test_files_that_the_pages_for_readers_name_are_there():
    """In links and in code, as far as nothing in a name is to be filled in; folders that git ignores come with use."""
    ignored = set((paths.ROOT / ".gitignore").read_text(encoding="utf-8").split())
    for page in (paths.ROOT / "README.md", *(paths.ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        linked = [page.parent / place for place in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)]
        named = re.findall(r"`((?:lib|tests|data|docs|notebooks)/[\w./]+)`", text)
        for place in (*linked, *(paths.ROOT / name for name in named if f"/{name}" not in ignored)):
            assert place.exists(), f"{page.name} names {place}"
