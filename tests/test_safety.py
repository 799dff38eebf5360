"""What the code does not do, so that no file from outside can make it run anything or write anywhere it chooses.

Archives, pictures and arrays that try are met with the readers of each: `names_that_reach_out`, `bomb` and `pickled` in
tests/datasets, and downloads in tests/datasets/test_downloads.py.
"""

import ast
import re

import pytest

from inverse_graphics import paths

FILES = sorted(file for room in ("lib", "tools", "benchmarks") for file in (paths.ROOT / room).rglob("*.py"))
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "tarfile", "telnetlib", "ftplib"}
FUNCTIONS = {"eval": "runs text as code", "exec": "runs text as code"}
METHODS = {
    "extract": "an archive's names choose where it writes",
    "extractall": "an archive's names choose where it writes",
    "unpack_archive": "an archive's names choose where it writes",
    "system": "a shell reads names of files as commands",
    "urlretrieve": "downloads go through `datasets.downloads`, which checks hashes",
    "urlopen": "downloads go through `datasets.downloads`, which checks hashes",
}
OWN_PICTURES = {  # opened again in memory, just after they were made
    "datasets/iqtt.py": "Image.open(file)",
    "plots/animations.py": "Image.open(file)",
    "export.py": "Image.open(io.BytesIO(_png(mesh.texture)))",
}
LOADERS = {"torch.load", "np.load", "numpy.load", "yaml.load", "yaml.unsafe_load", "torch.hub.load", "pd.read_pickle"}


def calls(tree):
    """(line, dotted name as written, call) of each call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func), node


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(paths.ROOT)))
def test_no_code_path_unpickles_extracts_or_runs_what_a_file_says(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found = {name.split(".")[0] for name in names} & MODULES
            assert not found, f"{file}:{node.lineno}: {', '.join(found)} on a path that may read files from outside"
    for line, name, call in calls(tree):
        refused = FUNCTIONS if isinstance(call.func, ast.Name) else METHODS
        last = name.split(".")[-1]
        assert last not in refused, f"{file}:{line}: {name}() {refused.get(last)}"
        assert name not in LOADERS, f"{file}:{line}: {name}() can unpickle; use safetensors or numpy.lib.format"
        settings = {keyword.arg: keyword.value for keyword in call.keywords}
        if "allow_pickle" in settings:
            assert ast.unparse(settings["allow_pickle"]) == "False", f"{file}:{line}: {name}(allow_pickle=…)"
        if name.endswith("read_array") and "format" in name:
            assert "allow_pickle" in settings or len(call.args) < 2, f"{file}:{line}: say allow_pickle=False"
        if "shell" in settings:
            assert ast.unparse(settings["shell"]) == "False", f"{file}:{line}: {name}(shell=…)"


def test_every_picture_from_outside_is_opened_with_a_list_of_formats():
    """Left to choose, Pillow opens formats that call other programs, and more code than is needed."""
    for file in (file for file in FILES if file.is_relative_to(paths.ROOT / "lib")):
        for line, name, call in calls(ast.parse(file.read_text(encoding="utf-8"))):
            own = OWN_PICTURES.get(file.relative_to(paths.ROOT / "lib" / "inverse_graphics").as_posix())
            if name == "Image.open" and ast.unparse(call) != own:
                has_formats = "formats" in {keyword.arg for keyword in call.keywords}
                assert has_formats, f"{file}:{line}: Image.open without formats"


def test_the_notebook_server_keeps_its_defaults():
    """Jupyter's own: on this machine alone, with a token, same origin, not as root."""
    places = [paths.ROOT / "Makefile", paths.ROOT / ".ci" / "run", *FILES]
    loosened = re.compile(
        r"--ip\b|--allow-root|\btoken\s*=\s*['\"]{0,2}\s*(?:$|['\"])|--no-auth|\bpassword\s*=|allow_origin|disable_check_xsrf"
        r"|allow_remote_access|0\.0\.0\.0",
        re.MULTILINE,
    )
    for file in places:
        found = loosened.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file}: {found and found[0]!r} loosens the notebook server"
    ours = [file for room in ("lib", "notebooks", "tools") for file in (paths.ROOT / room).glob("**/jupyter*config*")]
    assert not ours and not list(paths.ROOT.glob("jupyter*config*")) and not list(paths.NOTEBOOKS.glob("*.json"))


def test_no_address_is_without_encryption():
    for file in (file for file in FILES if file.is_relative_to(paths.ROOT / "lib")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "http://" in node.value:
                namespaces = node.value.replace("http://www.w3.org/", "")
                assert "http://" not in namespaces, f"{file}:{node.lineno}: http://"
