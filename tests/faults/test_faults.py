"""What breaks off, fills up, is damaged or dies, and what comes of it: nothing lost, and a line or the same result.

    python -m pytest tests/faults --kills 20 -s     twenty moments of `kill -9`, and a table of what came of them

docs/faults.md says of each fault where its test is: many are with the module that meets them.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest

from inverse_graphics import paths
from support import faults
from support.notebooks import write_notebook

JOBS = ("train", "prepare", "draw", "fetch")
SEED = 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and mounts as Linux has them")


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), faults.SlowServer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, server):
    """(job, its arguments after the folder, the files it leaves, its seconds), each run once without a fault."""
    done = {}

    def run(name):
        if name not in done:
            if not done:
                faults.finish(faults.start(faults.draw, tmp_path_factory.mktemp("warm")))  # the imports
            job, arguments = getattr(faults, name), (server,) if name == "fetch" else ()
            root = tmp_path_factory.mktemp(name)
            started = time.monotonic()
            assert faults.finish(faults.start(job, root, *arguments)) == 0
            done[name] = job, arguments, faults.files(root), time.monotonic() - started
            assert faults.strays(root) == []
        return done[name]

    return run


def kill(job, arguments, root, moment):
    """Start a job and kill it after `moment` seconds; sooner, if it ends before that."""
    while True:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        process = faults.start(job, root, *arguments)
        time.sleep(moment)
        process.kill()
        if faults.finish(process) == -9:
            return
        moment *= 0.7


def test_killed_at_any_moment_a_job_run_again_ends_with_the_same_files(tmp_path, unbroken, request, capsys):
    draw, came_of = random.Random(SEED), {name: Counter() for name in JOBS}
    kills = request.config.getoption("kills")
    for number in range(kills):
        name = JOBS[number % len(JOBS)]
        job, arguments, expected, seconds = unbroken(name)
        root = tmp_path / f"{name}-{number}"
        kill(job, arguments, root, draw.uniform(0, seconds))
        before = faults.files(root)
        whole = {file for file, digest in before.items() if digest == expected.get(file)}
        assert {file for file in before if file not in expected} <= set(faults.strays(root)), "a file of another name"
        assert faults.finish(faults.start(job, root, *arguments)) == 0
        after = faults.files(root)
        assert after == expected, f"{name}, kill {number}: {Counter(after) - Counter(expected)}"
        came_of[name].update(
            kills=1, whole=len(whole) > 0, strays=any(".part" in file for file in before), same=after == expected
        )
    if kills > len(JOBS):
        with capsys.disabled():
            print("\n\n| job | kills | with finished files | with a half-written one | same files after a rerun |")
            print("|---|---:|---:|---:|---:|")
            for name, count in came_of.items():
                print(f"| {name} | {count['kills']} | {count['whole']} | {count['strays']} | {count['same']} |")


# Disks


@pytest.fixture(scope="module")
def mounts():
    """Skips where a process may not mount anything, not even for itself alone."""
    try:
        faults.call(faults.own_mounts)
    except OSError as error:
        pytest.skip(f"neither root nor user namespaces here: {error}")


@pytest.mark.parametrize(("name", "size"), [("train", 96 << 10), ("draw", 16 << 10), ("fetch", 192 << 10)])
def test_a_full_disk_is_one_line_and_with_more_room_it_ends_the_same(tmp_path, mounts, unbroken, name, size):
    job, arguments, expected, _ = unbroken(name)
    if name == "draw":
        with pytest.raises(OSError, match="No space left"):  # as a notebook gets it
            faults.call(faults.on_small_disk, tmp_path, size, job, *arguments)
        return
    said, left, files = faults.call(faults.on_small_disk, tmp_path, size, job, *arguments)
    assert said.status == 1 and "No space left on device" in said.error
    assert said.error.strip().splitlines()[-1].startswith("inverse_graphics: ") and "Traceback" not in said.error
    assert [file for file in left if ".part" in file] == [] and files == expected


def test_a_full_disk_costs_the_cache_and_not_the_pictures(tmp_path, mounts, unbroken):
    _, _, expected, _ = unbroken("prepare")
    said, left, files = faults.call(faults.on_small_disk, tmp_path, 400 << 10, faults.prepare)
    assert "not cached ([Errno 28] No space left on device" in said.error and left == []
    assert files == expected


@pytest.mark.parametrize("name", ["train", "prepare", "draw"])
def test_a_read_only_data_folder_costs_a_cache_at_most(tmp_path, mounts, unbroken, name):
    job, arguments, expected, _ = unbroken(name)
    said = faults.call(faults.with_read_only, tmp_path, "data", job, *arguments)
    assert said.status == 0 and ("not cached ([Errno 30] Read-only file system" in said.error) == (name != "draw")
    assert faults.files(tmp_path) == {file: digest for file, digest in expected.items() if not file.startswith("data/")}


def test_a_download_into_a_read_only_folder_is_one_line(tmp_path, mounts, server):
    said = faults.call(faults.with_read_only, tmp_path, "data", faults.fetch, server)
    assert said.status == 1 and faults.files(tmp_path) == {}
    assert said.error.startswith("inverse_graphics: [Errno 30] Read-only file system") and said.error.count("\n") == 1


# Damage


def test_a_damaged_checkpoint_is_named_and_without_it_the_result_is_the_same(tmp_path, unbroken):
    _, _, expected, _ = unbroken("train")
    (tmp_path / "run").mkdir()
    process = faults.start(faults.train, tmp_path / "run")
    while not (checkpoints := list(tmp_path.rglob("checkpoint.safetensors"))) and process.exitcode is None:
        time.sleep(0.01)
    process.kill()
    assert faults.finish(process) == -9
    data = bytearray(checkpoints[0].read_bytes())
    data[-1000] ^= 1  # one bit of one weight
    checkpoints[0].write_bytes(data)
    said = faults.call(faults.train, tmp_path / "run")
    assert said.status == 1 and "not a readable checkpoint" in said.error and "Delete it to train anew" in said.error
    assert said.error.count("\n") == 1
    checkpoints[0].unlink()
    assert faults.call(faults.train, tmp_path / "run").status == 0
    assert faults.files(tmp_path / "run") == expected


def test_damaged_caches_and_downloads_are_made_and_fetched_again(tmp_path, unbroken, server):
    for name, folder in (("prepare", "data/cache"), ("fetch", "data/downloads")):
        job, arguments, expected, _ = unbroken(name)
        root = tmp_path / name
        faults.call(job, root, *arguments)
        first, second, *_ = sorted(file for file in (root / folder).rglob("*") if file.is_file())
        first.write_bytes(first.read_bytes()[:-100])
        second.write_bytes(second.read_bytes()[:-1] + b"?")
        assert faults.call(job, root, *arguments).status == 0
        assert faults.files(root) == expected


def test_nan_in_a_batch_is_one_line_and_without_it_the_run_goes_on_to_the_same_result(tmp_path, unbroken):
    said = faults.call(faults.train_poisoned, tmp_path)
    assert said.status == 1 and "the loss is no longer finite at step 3 " in said.error.splitlines()[-1]
    assert faults.call(faults.train, tmp_path).status == 0
    assert faults.files(tmp_path) == unbroken("train")[2]


# Processes


def pair(root, work=faults.train):
    """A job in two processes that share each batch, started as a cluster's launcher would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "NODE_RANK": "0"}
    flags = ("--devices", "2", "--strategy", "ddp")
    return [faults.start(work, root, *flags, **told, LOCAL_RANK=str(rank)) for rank in (0, 1)]


def test_when_one_of_two_processes_dies_the_other_ends_and_a_rerun_ends_the_same(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert [faults.finish(process) for process in pair(whole)] == [0, 0]
    first, second = pair(broken)
    while not list(broken.rglob("checkpoint.safetensors")) and second.exitcode is None:
        time.sleep(0.01)
    second.kill()
    assert faults.finish(second) == -9 and faults.finish(first) == 1
    assert [faults.finish(process) for process in pair(broken)] == [0, 0]
    assert faults.files(broken) == faults.files(whole)


def test_two_make_figures_at_once_end_with_what_one_leaves(tmp_path, unbroken):
    """Of a notebook that trains and draws: both executed copies go to one place, and so does all they make."""
    job = "from support import faults; from inverse_graphics import paths; said = faults.{}(paths.ROOT)"
    cells = job.format("train"), "assert said.status == 0", job.format("draw")
    write_notebook(tmp_path / "notebooks" / "01_both.ipynb", *cells)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))} | {
        "INVERSE_GRAPHICS_ROOT": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(paths.ROOT / "lib"), str(paths.ROOT / "tests")]),
    }
    makefile, python = paths.ROOT / "Makefile", f"INVERSE_GRAPHICS_PYTHON={sys.executable}"
    make = ["make", "-f", str(makefile), "figures", "PROFILE=smoke", python]
    running = [subprocess.Popen(make, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    for process in running:
        told, _ = process.communicate(timeout=300)
        assert process.returncode == 0 and told.startswith("ok "), told
    assert faults.strays(tmp_path) == []
    files, expected = faults.files(tmp_path), unbroken("train")[2] | unbroken("draw")[2]
    unnamed = [name for name in expected if not name.endswith((".json", ".md"))]  # these name the commit: none here
    assert {name: files.get(name) for name in unnamed} == {name: expected[name] for name in unnamed}
    assert {name for name in files if not name.startswith(("build/", "notebooks/"))} == set(expected)
