"""Running notebooks: what comes of good, raising, hanging and misspelt ones, and that no process outlives them."""

import json
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from inverse_graphics import paths, pipeline
from inverse_graphics.pipeline import _reason, run_notebook, run_notebooks
from support.notebooks import write_notebook


def output(name, profile="quick"):
    notebook = json.loads((paths.BUILD / "notebooks" / profile / f"{name}.ipynb").read_text(encoding="utf-8"))
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", ())]
    return "".join("".join(out.get("text", "")) for out in outputs)


def gone(pid, within=5.0):
    end = time.monotonic() + within
    while psutil.pid_exists(pid) and time.monotonic() < end:
        time.sleep(0.1)
    return not psutil.pid_exists(pid)


def test_a_good_notebook_gets_its_parameters_our_interpreter_and_its_own_folder(workspace, monkeypatch):
    other = workspace / "jupyter" / "kernels" / "python3"  # a kernel spec that would start another Python
    other.mkdir(parents=True)
    spec = {"argv": ["/no/such/python", "{connection_file}"], "display_name": "other", "language": "python"}
    (other / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(workspace / "jupyter"))
    say = "import os, sys\nprint(profile, retrain, sys.executable, os.getcwd(), sep='|')"
    path = write_notebook(paths.NOTEBOOKS / "01_good.ipynb", say)
    outcome = run_notebook(path, profile="smoke", retrain=True)
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert output("01_good", "smoke").strip().split("|") == ["smoke", "True", sys.executable, str(paths.NOTEBOOKS)]
    status = json.loads((paths.BUILD / "notebooks" / "smoke" / "01_good.status.json").read_text())
    assert status["status"] == "ok" and status["notebook"] == "01_good"


def test_a_failing_notebook_says_why_leaves_its_copy_and_does_not_stop_the_others(workspace):
    bad = write_notebook(paths.NOTEBOOKS / "01_bad.ipynb", "print('so far')", "1 / 0", "print('never')")
    good = write_notebook(paths.NOTEBOOKS / "02_good.ipynb", "print('fine')")
    seen = []
    outcomes = run_notebooks([bad, good], jobs=2, report=seen.append)
    assert [(outcome.status, outcome.reason) for outcome in outcomes] == [
        ("failed", "ZeroDivisionError: division by zero (code cell 3)"),
        ("ok", ""),
    ]
    assert len(seen) == 2
    assert sorted(file.name for file in paths.NOTEBOOKS.iterdir()) == ["01_bad.ipynb", "02_good.ipynb"]
    assert "so far" in output("01_bad") and "never" not in output("01_bad")


def test_a_hanging_notebook_is_stopped_and_its_kernel_with_it(workspace):
    pids = workspace / "pids"
    hang = (
        "import os, signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "worker = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{worker.pid}}')\n"
        "time.sleep(60)"
    )
    path = write_notebook(paths.NOTEBOOKS / "01_hang.ipynb", "print('before')", hang)
    stop = threading.Event()
    started = time.monotonic()

    def stop_once_it_hangs():  # a busy machine may take longer to start a kernel than any short timeout
        while not pids.exists() and time.monotonic() - started < 60:
            time.sleep(0.1)
        stop.set()

    watcher = threading.Thread(target=stop_once_it_hangs)
    watcher.start()
    outcome = run_notebook(path, stop=stop)
    watcher.join()
    assert (outcome.status, outcome.reason) == ("failed", "interrupted")
    assert [gone(int(pid)) for pid in pids.read_text().split()] == [True, True]
    assert "before" in output("01_hang")


def test_the_wall_clock_stops_a_notebook(workspace):
    path = write_notebook(paths.NOTEBOOKS / "01_slow.ipynb", "import time\ntime.sleep(60)")
    outcome = run_notebook(path, timeout=5)
    assert (outcome.status, outcome.reason) == ("timed out", "stopped after 5 s")
    assert outcome.seconds < 30
    assert json.loads((paths.BUILD / "notebooks/quick/01_slow.status.json").read_text())["status"] == "timed out"


def test_a_notebook_without_our_parameters_is_an_error(workspace):
    path = write_notebook(paths.NOTEBOOKS / "01_misspelt.ipynb", "1", parameters='profil = "quick"\nretrain = False')
    outcome = run_notebook(path)
    assert outcome.status == "failed" and "`parameters` does not define profile" in outcome.reason
    assert not (paths.BUILD / "notebooks/quick/01_misspelt.ipynb").exists()


def test_a_kernel_that_dies_is_a_failure(workspace):
    path = write_notebook(paths.NOTEBOOKS / "01_dies.ipynb", "import os\nos._exit(3)")
    outcome = run_notebook(path)
    assert outcome.status == "failed" and "died" in outcome.reason


def test_a_killed_driver_takes_its_notebook_with_it(workspace):
    pid_file = workspace / "pid"
    code = f"import os, time\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    path = write_notebook(paths.NOTEBOOKS / "01_long.ipynb", code)
    driver = f"from inverse_graphics import pipeline; pipeline.run_notebook({str(path)!r})"
    root = os.environ | {"INVERSE_GRAPHICS_ROOT": str(workspace)}
    process = subprocess.Popen([sys.executable, "-c", driver], env=root)
    end = time.monotonic() + 60
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < end:
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert gone(int(pid_file.read_text()), within=15)


def test_a_cell_recorded_as_completed_but_never_run_is_caught(workspace, tmp_path):
    notebook = json.loads(write_notebook(tmp_path / "x.ipynb", "1").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["metadata"]["papermill"] = {"status": "completed", "exception": False}
        cell["execution_count"] = 1
    assert _reason(notebook, tmp_path / "log", 0) == ""
    notebook["cells"][1]["execution_count"] = None
    assert _reason(notebook, tmp_path / "log", 0) == "code cell 2 was not executed to its end"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.ipynb", {"profile": "huge"}, "profile: expected one of smoke, quick, paper; got 'huge'"),
        ("none.ipynb", {}, "path: expected a notebook file"),
        ("x.txt", {}, "path: expected a notebook file"),
    ],
)
def test_bad_arguments_are_named(workspace, name, options, message):
    write_notebook(paths.NOTEBOOKS / "x.ipynb")
    (paths.NOTEBOOKS / "x.txt").write_text("")
    with pytest.raises(ValueError, match=message):
        run_notebook(paths.NOTEBOOKS / name, **options)


def test_training_in_a_notebook_shows_its_progress(workspace, monkeypatch):
    monkeypatch.setattr(pipeline, "PROGRESS_SECONDS", 0.1)
    source = "import os, time; open(os.environ['INVERSE_GRAPHICS_PROGRESS'], 'w').write('a\\r 3/9'); time.sleep(1)"
    told = []
    path = write_notebook(paths.NOTEBOOKS / "07_trains.ipynb", source)
    assert run_notebook(path, profile="smoke", progress=told.append).status == "ok"
    assert told and set(told) == {"07  3/9"}
