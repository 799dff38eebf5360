import errno
import gzip
import hashlib
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from inverse_graphics import paths
from inverse_graphics.datasets import DatasetError, downloads

CONTENTS = {
    "train-images-idx3-ubyte.gz": b"train images",
    "train-labels-idx1-ubyte.gz": b"train labels",
    "t10k-images-idx3-ubyte.gz": b"test images",
    "t10k-labels-idx1-ubyte.gz": b"test labels",
}


@pytest.fixture
def served(data_folder, monkeypatch):
    """A pretended set `mnist` of four tiny files at two mirrors; returns the list of addresses that were asked."""
    digest = {file: (hashlib.sha256(content).hexdigest(),) for file, content in CONTENTS.items()}
    files = {
        "train": {file: digest[file] for file in list(CONTENTS)[:2]},
        "test": {file: digest[file] for file in list(CONTENTS)[2:]},
    }
    tiny = downloads.Download(folders=("mnist",), mirrors=("https://one", "https://two"), files=files)
    monkeypatch.setitem(downloads.DOWNLOADABLE, "mnist", tiny)
    asked = []

    def fetch(url, path):
        asked.append(url)
        path.write_bytes(CONTENTS[url.rsplit("/", 1)[1]])

    monkeypatch.setattr(downloads, "_fetch", fetch)
    return asked


def fail_on(monkeypatch, mirror, failure):
    """Make `_fetch` call `failure(path)` for addresses of a mirror."""
    fetch = downloads._fetch

    def failing(url, path):
        fetch(url, path)
        if url.startswith(mirror):
            failure(path)

    monkeypatch.setattr(downloads, "_fetch", failing)


def left_behind():
    return sorted(path.name for path in paths.DOWNLOADS.rglob("*") if path.is_file())


def test_table_is_complete_and_safe():
    for official in downloads.DOWNLOADABLE.values():
        assert not any(mirror.endswith("/") for mirror in official.mirrors)
        assert set(official.files) == {"train", "test"}
        for files in official.files.values():
            assert all(re.fullmatch("[0-9a-f]{64}", digest) for digests in files.values() for digest in digests)
            assert all(files.values()), "a file without a hash"
    with pytest.raises(ValueError, match="mirrors: expected addresses that begin with https://"):
        downloads.Download(folders=("mnist",), mirrors=("http://one",), files={})


def test_downloads_every_file_once(served):
    folder = downloads.download("mnist")
    assert folder == paths.DOWNLOADS / "mnist"
    assert {file: (folder / file).read_bytes() for file in CONTENTS} == CONTENTS
    assert left_behind() == sorted(CONTENTS) and len(served) == 4
    downloads.download("mnist")
    assert len(served) == 4  # good files are kept
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    downloads.download("mnist")
    assert served[4:] == ["https://one/t10k-labels-idx1-ubyte.gz"]
    assert (folder / "t10k-labels-idx1-ubyte.gz").read_bytes() == b"test labels"


def raise_offline(path):
    raise requests.ConnectionError("no route to host\nat all")


def spoil(path):
    path.write_bytes(b"not what was asked for")


@pytest.mark.parametrize("failure", [raise_offline, spoil])
def test_a_failing_mirror_falls_to_the_next(served, monkeypatch, failure):
    fail_on(monkeypatch, "https://one", failure)
    folder = downloads.download("mnist")
    assert {file: (folder / file).read_bytes() for file in CONTENTS} == CONTENTS
    assert left_behind() == sorted(CONTENTS)


@pytest.mark.parametrize(("failure", "word"), [(raise_offline, "no route to host"), (spoil, "SHA-256")])
def test_no_mirror_left_is_one_clear_line_and_no_file(served, monkeypatch, failure, word):
    fail_on(monkeypatch, "https://", failure)
    with pytest.raises(DatasetError) as error:
        downloads.download("mnist")
    message = str(error.value)
    assert "https://one/" in message and "https://two/" in message and word in message and "by hand" in message
    assert "\n" not in message and str(paths.ROOT) not in message
    assert left_behind() == []


def test_a_full_disk_is_no_fault_of_the_mirror(served, monkeypatch):
    def fill(path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    fail_on(monkeypatch, "https://", fill)
    with pytest.raises(OSError, match="No space left"):
        downloads.download("mnist")
    assert len(served) == 1 and left_behind() == []


def test_an_interrupted_download_leaves_nothing(served, monkeypatch):
    def interrupt(path):
        raise KeyboardInterrupt

    fail_on(monkeypatch, "https://", interrupt)
    with pytest.raises(KeyboardInterrupt):
        downloads.download("mnist")
    assert left_behind() == []


@pytest.mark.parametrize("name", ["digits", "no-such-set"])
def test_only_known_sets_can_be_downloaded(name):
    with pytest.raises(ValueError, match="name: expected one of fashion_mnist, mnist"):
        downloads.download(name)


def test_check_tells_official_different_and_missing(served, data_folder):
    assert {status for _, status in downloads.check("mnist")} == {"missing"}
    folder = downloads.download("mnist")
    assert downloads.check("mnist") == [(file, "official") for file in CONTENTS]
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"other")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    assert [status for _, status in downloads.check("mnist")] == [
        "differs from the official file",
        "official",
        "missing",
        "missing",
    ]
    assert downloads.check("digits") == []


def test_official_content_is_known_under_another_compression(tmp_path):
    file = tmp_path / "file.gz"
    file.write_bytes(gzip.compress(b"content", 1))
    assert downloads.is_official(file, (hashlib.sha256(b"content").hexdigest(),))
    assert not downloads.is_official(file, (hashlib.sha256(b"other").hexdigest(),))
    file.write_bytes(file.read_bytes()[:-3])
    assert not downloads.is_official(file, (hashlib.sha256(b"content").hexdigest(),))


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404 if "absent" in self.path else 200)
        self.send_header("Content-Length", "1000" if "cut" in self.path else "7")
        self.end_headers()
        self.wfile.write(b"content")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_fetch_writes_what_a_server_sends(server, tmp_path):
    downloads._fetch(f"{server}/file.gz", tmp_path / "file.gz")
    assert (tmp_path / "file.gz").read_bytes() == b"content"


@pytest.mark.parametrize("path", ["absent.gz", "cut.gz"])
def test_fetch_raises_os_errors_or_leaves_it_to_the_hash(server, tmp_path, path):
    digest = hashlib.sha256(b"the whole content").hexdigest()
    with pytest.raises(DatasetError, match=r"404|IncompleteRead|is not the official"):
        downloads._download_file(tmp_path / "downloads" / path, digest, (server,))
    assert list((tmp_path / "downloads").iterdir()) == []
