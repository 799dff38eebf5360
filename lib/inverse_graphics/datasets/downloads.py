"""What can be downloaded, from where, and what it must hash to. Nothing is downloaded unless `download` is called."""

import errno
import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

import pooch
from tqdm import tqdm

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.datasets.images import DatasetError, one_line
from inverse_graphics.files import atomic_write, sha256

LONGEST = 64 << 20  # bytes; no official file unpacks to more, so hashing stops there and a gzip bomb costs nothing

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)  # no other mirror helps against these


@dataclass(frozen=True)
class Download:
    """A data set's official files.

    Fields:
        folders: folder names it is looked for under each of `paths.data_folders()`; downloads go to the first.
        mirrors: addresses of the folder that holds the files, tried in order; https only.
        files: split → official file name → SHA-256 of the file as published, then of what it unpacks to where that
            is known. The files of a split belong together: image i of the one has label i of the other.
    """

    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: dict[str, dict[str, tuple[str, ...]]]

    def __post_init__(self) -> None:
        if not all(mirror.startswith("https://") for mirror in self.mirrors):
            raise ValueError(f"mirrors: expected addresses that begin with https://, got {self.mirrors}")


MNIST = Download(
    folders=("mnist", "MNIST/raw"),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    files={
        "train": {
            "train-images-idx3-ubyte.gz": (
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            "train-labels-idx1-ubyte.gz": (
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
        },
        "test": {
            "t10k-images-idx3-ubyte.gz": (
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        },
    },
)

FASHION_MNIST = Download(
    folders=("fashion-mnist", "fashion_mnist", "FashionMNIST/raw"),
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
    files={
        "train": {
            "train-images-idx3-ubyte.gz": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",),
            "train-labels-idx1-ubyte.gz": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",),
        },
        "test": {
            "t10k-images-idx3-ubyte.gz": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",),
            "t10k-labels-idx1-ubyte.gz": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",),
        },
    },
)

DOWNLOADABLE = {"mnist": MNIST, "fashion_mnist": FASHION_MNIST}


def download(name: str) -> Path:
    """Fetch the official files of a data set into `data/downloads/`, with a progress bar; good files are kept.

    Every file is checked against its SHA-256 before it gets its final name, so a wrong, partial or interrupted
    download leaves nothing behind.

    Returns:
        The folder that holds the files.

    Raises:
        ValueError: `name` cannot be downloaded; the message lists what can.
        DatasetError: no mirror gave the file; the message says which were tried and what to do by hand.
        OSError: the disk is full or cannot be written to.
    """
    official = DOWNLOADABLE[require_choice("name", name, DOWNLOADABLE)]
    folder = paths.DOWNLOADS / official.folders[0]
    for files in official.files.values():
        for file, (digest, *_) in files.items():
            if not ((folder / file).is_file() and sha256(folder / file) == digest):
                _download_file(folder / file, digest, official.mirrors)
    return folder


def check(name: str) -> list[tuple[str, str]]:
    """(official file name, status) for each file of a data set, as `load` would find it; built-in sets have none.

    The status is `official`, `differs from the official file` or `missing`. A file without the other file of its
    split beside it counts as missing, as it does for `load`.
    """
    statuses = []
    for split, files in DOWNLOADABLE[name].files.items() if name in DOWNLOADABLE else ():
        found = find(name, split)
        for i, (file, digests) in enumerate(files.items()):
            official = found is not None and is_official(found[i], digests)
            present = "official" if official else "differs from the official file"
            statuses.append((file, present if found else "missing"))
    return statuses


def find(name: str, split: str) -> list[Path] | None:
    """Where the files of a split lie on this machine, in the order of `Download.files`; None if nowhere.

    All lie in one folder, because images of one copy of a set need not go with labels of another. They may be
    gzipped or not, and the name some unpackers leave, `train-images.idx3-ubyte`, is known too.
    """
    official = DOWNLOADABLE[name]
    for folder in [data / folder for data in paths.data_folders() for folder in official.folders]:
        found = [_locate(folder, file) for file in official.files[split]]
        if all(found):
            return found
    return None


def whereabouts(path: Path) -> str:
    """Which data folder a file lies in, in words: results record it, so it must not hold a path of this machine."""
    own = {paths.DOWNLOADS: "data/downloads", paths.DATA: "data"}
    return next((own[parent] for parent in path.parents if parent in own), "the user's data folder")


def is_official(path: Path, digests: tuple[str, ...]) -> bool:
    """Whether a file, or what it unpacks to, has one of the official SHA-256 hashes."""
    if sha256(path) in digests:
        return True
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as file:
            while file.tell() <= LONGEST and (block := file.read(1 << 20)):
                digest.update(block)
    except (OSError, EOFError, zlib.error):  # not gzipped, or broken
        return False
    return digest.hexdigest() in digests


def _locate(folder: Path, file: str) -> Path | None:
    plain = file.removesuffix(".gz")
    spellings = [plain, plain.replace("-idx", ".idx")]
    candidates = [folder / (spelling + suffix) for suffix in (".gz", "") for spelling in spellings]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _download_file(target: Path, digest: str, mirrors: tuple[str, ...]) -> None:
    failures = []
    for mirror in mirrors:
        url = f"{mirror}/{target.name}"
        try:
            with atomic_write(target) as temporary:
                _fetch(url, temporary)
                if (got := sha256(temporary)) != digest:
                    raise DatasetError(f"SHA-256 {got[:12]}… is not the official {digest[:12]}…")
            return
        except (OSError, DatasetError) as error:  # requests' errors are OSErrors, without a number
            if isinstance(error, OSError) and error.errno in DISK:
                raise
            failures.append(f"{url} ({type(error).__name__}: {one_line(error)})")
    raise DatasetError(
        f"{target.name}: not downloaded; tried {'; '.join(failures)}. Check the network and run `make data` again, "
        f"or put the file into data/downloads/{target.parent.name}/ by hand."
    )


def _fetch(url: str, path: Path) -> None:
    title = url.rsplit("/", 1)[1]
    with tqdm(
        desc=title, total=1, unit="B", unit_scale=True
    ) as bar:  # a bar without total has no truth value for pooch
        pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=30)(url, str(path), None)
