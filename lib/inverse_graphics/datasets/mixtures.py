"""Several sets as one, named by joining their names: `load("mnist+fashion_mnist+celeba+modelnet40")`.

Uçar 2019, Sec. 4.4, trains one model on "all images from MNIST, MNIST Fashion, CelebA and six categories of
ModelNet40". A batch of the authors' code has 16 pictures of MNIST, 16 of Fashion-MNIST and 32 of a pool that the other
sets are poured into, so each of those has its share of the pool by the number of its pictures. A mixture keeps these
proportions among the sets it has, for as many pictures as the scarcest of them allows, and takes none twice.

Class names are joined in the order of the sets; one that several sets have is preceded by its set: "mnist: 0".
"""

from collections import Counter
from functools import partial

import numpy as np
import torch
from torch import Tensor

from inverse_graphics.datasets.images import Choose, Classes, DatasetError, Entry, Pictures, resize

OF_A_BATCH = {"mnist": 16, "digits": 16, "fashion_mnist": 16, "garments": 16}  # stand-ins like what they stand for
POOL = 32  # of a batch, for all other sets together
SEED = 2019  # of the order in which pictures of a set are taken
# Pictures of a set are shuffled in windows of so many, because rendered sets have the twelve views of an object one
# after the other. Raising it mixes better, and makes a small `count` render more objects.
WINDOW = 1440


def parts(name: str) -> tuple[str, ...]:
    """Names of the sets that a mixture joins; of any other set, its name alone.

    Raises:
        ValueError: a set is named twice.
    """
    names = tuple(name.split("+"))
    if len(set(names)) < len(names):
        raise ValueError(f"name: expected each set once in a mixture, got {name!r}")
    return names


def mix(entries: dict[str, Entry]) -> Entry:
    """The catalogue's entry for a mixture of the sets that `entries` holds by name, at least two."""
    return Entry(
        title=" + ".join(entry.title for entry in entries.values()),
        class_names=tuple(joined for names in _joined_names(entries).values() for joined in names),
        licence="; ".join(f"{entry.title}: {entry.licence}" for entry in entries.values()),
        stand_in=None,
        read=partial(_read, entries),
        present=partial(_present, entries),
    )


def order(totals: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Which pictures of which set a mixture has, in order: its first n have the same proportions for every n.

    Args:
        totals: how many pictures each set has.

    Returns:
        component (T,) int64, which of the sets, and index (T,) int64, which of its pictures.
    """
    pool = sum(total for part, total in totals.items() if part not in OF_A_BATCH)
    shares = {part: OF_A_BATCH.get(part) or POOL * total / pool for part, total in totals.items()}
    batches = min(total / shares[part] for part, total in totals.items())  # until the scarcest is used up
    components, indices, times = [], [], []
    for i, (part, total) in enumerate(totals.items()):
        taken = _shuffled(total)[: int(batches * shares[part] + 1e-6)]  # 1e-6: what rounding may have taken away
        components.append(np.full(len(taken), i))
        indices.append(taken)
        times.append((np.arange(len(taken)) + 0.5) / shares[part])  # evenly spaced over the batches
    sequence = np.argsort(np.concatenate(times), kind="stable")
    return tuple(torch.from_numpy(np.concatenate(column)[sequence]) for column in (components, indices))


def _shuffled(total: int) -> np.ndarray:
    rng = np.random.default_rng(SEED)
    windows = [np.arange(first, min(first + WINDOW, total)) for first in range(0, total, WINDOW)]
    return np.concatenate([rng.permutation(window) for window in windows])


def classes_by_part(entries: dict[str, Entry], classes: Classes) -> dict[str, Classes]:
    """For each set that has some of the classes wanted: which, as the set itself calls them; None stands for all."""
    if classes is None:
        return dict.fromkeys(entries)
    wanted = {}
    for part, joined in _joined_names(entries).items():
        own = [name for name, other in zip(entries[part].class_names, joined, strict=True) if other in classes]
        if own:
            wanted[part] = tuple(own)
    return wanted


def _joined_names(entries: dict[str, Entry]) -> dict[str, tuple[str, ...]]:
    """For each set, what its classes are called in the mixture."""
    times = Counter(name for entry in entries.values() for name in entry.class_names)
    return {
        part: tuple(name if times[name] == 1 else f"{part}: {name}" for name in entry.class_names)
        for part, entry in entries.items()
    }


def _present(entries: dict[str, Entry], split: str, classes: Classes) -> bool:
    return all(entries[part].present(split, own) for part, own in classes_by_part(entries, classes).items())


def _read(entries: dict[str, Entry], split: str, choose: Choose, size: int | None, classes: Classes) -> Pictures:
    """The chosen pictures of a mixture. They have no truth: not all of them were rendered."""
    wanted = classes_by_part(entries, classes)
    sizes = [len(entry.class_names) for entry in entries.values()]
    first_label = {part: sum(sizes[:i]) for i, part in enumerate(entries)}
    asked = list(wanted)
    totals: dict[str, int] = {}
    places: dict[str, Tensor] = {}  # where in the result the pictures of a set go
    picked: dict[str, Tensor] = {}  # which of its pictures they are
    found: dict[str, Pictures] = {}

    def read(i: int) -> None:
        """Read set i while the sets after it are being read: so all totals are known before any picture is chosen,
        and yet no file is read twice."""
        if i == len(asked):
            component, index = order(totals)
            chosen = choose(len(index))
            for number, part in enumerate(asked):
                places[part] = (component[chosen] == number).nonzero().flatten()
                picked[part] = index[chosen][places[part]]
            return
        part = asked[i]

        def choose_of_part(total: int) -> Tensor:
            if total == 0:
                raise DatasetError(f"{part}: there is no picture of {', '.join(wanted[part])} in the {split} split")
            totals[part] = total
            read(i + 1)
            # Readers cannot read nothing, so one that is not wanted is read, and left out below.
            return picked[part] if len(picked[part]) else torch.zeros(1, dtype=torch.int64)

        found[part] = entries[part].read(split, choose_of_part, size, wanted[part])

    read(0)
    images, labels, sources = [], [], []
    for part in asked:
        places[part] = places[part][: len(found[part].images)]  # a rendered set leaves out what cannot be rendered
        count = len(places[part])
        images.append(resize(found[part].images[:count], size))
        labels.append(found[part].labels[:count] + first_label[part])
        if count:
            sources.append(f"{count:,} of {part} ({found[part].source})")
    sequence = torch.cat([places[part] for part in asked]).argsort()
    return Pictures(torch.cat(images)[sequence], torch.cat(labels)[sequence], "; ".join(sources))
