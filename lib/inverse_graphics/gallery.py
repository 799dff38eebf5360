"""Figures and tables on disk, each with a JSON that answers for it, and the gallery page made from those.

A notebook calls `save_figure` or `save_table`; `write_gallery` reads the JSON files and knows nothing else, so the page
says what the files say. Files are written before their JSON, and the JSON holds their hashes: a figure that was drawn
anew without its record, or half of it, is called stale rather than shown as if it were accounted for.
"""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inverse_graphics import paths
from inverse_graphics.checks import require_choice
from inverse_graphics.files import atomic_write, sha256, write_json, write_text
from inverse_graphics.items import item as find_item
from inverse_graphics.items import items
from inverse_graphics.results import Result, code_commit, library_versions

REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_YET = "reproduced", "partly", "not reproduced", "not yet"
VERDICTS = (REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_YET)
EXTRA = ""  # in place of an item's id: what no paper has
CLAIM_COLUMNS = ("id", "claim", "paper", "ours", "n", "seed", "data", "profile", "verdict", "reason")


@dataclass(frozen=True)
class Claim:
    """One statement of a paper, the paper's number, ours, and whether they agree.

    Fields:
        item: id of the paper item it belongs to.
        statement: what the paper says, in one sentence.
        ours: our number with its unit and spread, or what we see.
        verdict: one of `VERDICTS`.
        paper: the paper's number; empty means what `items.csv` says.
        n, seed, data, profile: samples behind our number and where they come from; left empty, `seed`, `data` and
            `profile` are those of the figure the claim is saved with.
        reason: why it is not (wholly) reproduced; required then.

    Raises:
        ValueError: unknown item or verdict, or a reason is missing.
    """

    item: str
    statement: str
    ours: str
    verdict: str
    paper: str = ""
    n: int | None = None
    seed: int | None = None
    data: str = ""
    profile: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        find_item(self.item)
        require_choice("verdict", self.verdict, VERDICTS)
        if self.verdict in (PARTLY, NOT_REPRODUCED) and not self.reason:
            raise ValueError(f"reason: expected one with the verdict {self.verdict!r}, got none ({self.item})")


def save_figure(figure: Any, name: str, **record: Any) -> Path:
    """Write a matplotlib Figure as `<name>.png` with its record beside it in `<name>.json`; return the PNG's path.

    The PNG's bytes depend on the drawing alone: no date and no software version in it.

    Args:
        figure: matplotlib Figure.
        name: file name without suffix, for example `ucar-f4_shapes`.
        record: what the JSON says; keyword arguments of `_record` below: `item`, `caption`, `profile` and `numbers`,
            and optionally `results`, `data`, `settings`, `seed` and `claims`. The item "" says that no paper has it.

    Raises:
        ValueError: unknown item or profile, or a number that is NaN, infinite or not for JSON; the message names it.
    """
    entry = _record(kind="figure", **record)
    target = paths.figures_folder(entry["profile"]) / f"{name}.png"
    with atomic_write(target) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight", metadata={"Software": None})
    return _finish(entry, [target])


def save_animation(gif: bytes, figure: Any, name: str, **record: Any) -> Path:
    """Write an animation as `<name>.gif` and its contact sheet as `<name>.png` with the record of both in
    `<name>.json`; return the GIF's path.

    Args:
        gif: the bytes of the animation, the same for the same frames.
        figure, name, record: as for `save_figure`; the figure shows the frames side by side.
    """
    entry = _record(kind="figure", **record)
    moving = paths.figures_folder(entry["profile"]) / f"{name}.gif"
    with atomic_write(moving) as temporary:
        temporary.write_bytes(gif)
    still = moving.with_suffix(".png")
    with atomic_write(still) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight", metadata={"Software": None})
    return _finish(entry, [moving, still])


def save_table(frame: Any, name: str, **record: Any) -> Path:
    """Write a pandas DataFrame as `<name>.csv` and `<name>.md` with its record in `<name>.json`; return the CSV's path.

    A named index becomes the first columns; an unnamed one is dropped. Arguments and errors as for `save_figure`.
    """
    entry = _record(kind="table", **record)
    if any(level is not None for level in frame.index.names):
        frame = frame.reset_index()
    folder = paths.figures_folder(entry["profile"])
    target, markdown = folder / f"{name}.csv", folder / f"{name}.md"
    write_text(target, frame.to_csv(index=False, lineterminator="\n"))
    write_text(markdown, _markdown(list(frame.columns), frame.itertuples(index=False)))
    return _finish(entry, [target, markdown])


def _record(
    *,
    kind: str,
    item: str,
    caption: str,
    profile: str,
    numbers: dict[str, Any],
    results: Sequence[Result] = (),
    data: Sequence[Any] = (),
    settings: Any = None,
    seed: int | None = None,
    claims: Sequence[Claim] = (),
) -> dict[str, Any]:
    """What the JSON of a figure or table says.

    Args:
        item: id of the paper item it makes again; "" for an extra of this project, listed after the papers' items.
        caption: what is to be seen, and what is not shown.
        profile: `smoke`, `quick` or `paper`.
        numbers: what is plotted; numpy and torch scalars and arrays are welcome.
        results: experiment results it draws from; their configs, data and provenance are copied in.
        data: ImageSets it shows, or their `provenance()`; those of `results` are added.
        settings: a dict or dataclass of what else it was made with, such as a camera.
        seed: of what the notebook itself drew at random.
        claims: statements of the paper that it settles.
    """
    if item != EXTRA:
        find_item(item)
    require_choice("profile", profile, paths.PROFILES)
    sources = [entry.provenance() if hasattr(entry, "provenance") else entry for entry in data]
    for result in results:
        found = result.provenance.get("data", [])
        sources += found if isinstance(found, list) else [found]
    drawn_from = [
        {"name": result.name, "origin": result.origin, "config": result.config, "provenance": result.provenance}
        for result in results
    ]
    return {
        "item": item,
        "kind": kind,
        "files": {},
        "caption": caption,
        "profile": profile,
        "seed": seed,
        "numbers": _plain(numbers, "numbers"),
        "claims": [dataclasses.asdict(claim) for claim in claims],
        "settings": _plain(settings, "settings"),
        "data": _plain([entry for at, entry in enumerate(sources) if entry not in sources[:at]], "data"),
        "results": _plain(drawn_from, "results"),
        "libraries": library_versions(),
        "commit": code_commit(),
    }


def _finish(entry: dict[str, Any], files: list[Path]) -> Path:
    entry["files"] = {file.name: sha256(file) for file in files}
    write_json(files[0].with_suffix(".json"), entry)
    return files[0]


def _plain(value: Any, where: str) -> Any:
    """`value` in JSON's own types; `where` names it in errors."""
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {str(key): _plain(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, f"{where}[{at}]") for at, entry in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, got {value}")
    if value is None or isinstance(value, str | bool | int | float):
        return float(value) if isinstance(value, float) else value  # a numpy float64 is a float too; JSON wants ours
    if hasattr(value, "tolist"):  # numpy and torch, scalars and arrays
        return _plain(value.tolist(), where)
    raise ValueError(f"{where}: expected numbers, text, lists or dicts of them, got {type(value).__name__}")


# The gallery page


def write_gallery(profile: str = "quick") -> Path:
    """Write README.md (the gallery) and claims.csv from the JSON files in a profile's figures folder.

    All 50 items appear; those without a figure or claim as "not yet"; after them what belongs to no item. A JSON that
    cannot be read, or whose files are missing or changed, becomes a warning on the page. The same files give the same
    bytes.

    Returns:
        The path of README.md.
    """
    folder = paths.figures_folder(profile)
    records, warnings = read_records(folder)
    claims: dict[str, list[dict[str, Any]]] = {entry.id: [] for entry in items()}
    for record in records.values():
        for claim in record["claims"]:
            claims[claim["item"]].append(_with_defaults(claim, record))
    verdicts = {id: _overall([claim["verdict"] for claim in found]) for id, found in claims.items()}

    lines = [
        "# Gallery",
        "",
        "Every figure, table and claim of the three papers, made again here or not yet. Written by `make figures` from"
        " the JSON beside each picture; do not edit.",
        "",
        " · ".join(f"{verdict}: {list(verdicts.values()).count(verdict)}" for verdict in VERDICTS),
        "",
        *[f"> **Warning:** {warning}\n" for warning in warnings],
        _markdown(
            ["paper", "item", "what it shows", "verdict"],
            [[entry.paper, f"[{entry.title}](#{entry.id})", entry.shows, verdicts[entry.id]] for entry in items()],
        ),
    ]
    for at, entry in enumerate(items()):
        if at == 0 or entry.paper != items()[at - 1].paper:
            lines += [f"## {entry.paper}", ""]
        lines += [f'<a id="{entry.id}"></a>', "", f"### {entry.title}: {verdicts[entry.id]}", ""]
        lines += [f"*In the paper:* {entry.shows}" + (f" ({entry.paper_number})" if entry.paper_number else ""), ""]
        for name, record in records.items():
            if record["item"] == entry.id:
                lines += _section(folder, name, record)
        if claims[entry.id]:
            columns = ("claim", "paper", "ours", "n", "verdict", "reason")
            lines += [_markdown(columns, [[claim[key] for key in columns] for claim in claims[entry.id]])]
    if extras := {name: record for name, record in records.items() if record["item"] == EXTRA}:
        lines += ["## Beyond the papers", "", "What this project adds; no paper has it.", ""]
        for name, record in extras.items():
            lines += _section(folder, name, record)
    write_text(folder / "README.md", "\n".join(lines).rstrip() + "\n")
    write_text(folder / "claims.csv", _claims_csv(claims))
    return folder / "README.md"


def read_records(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The sound records by name, and a sentence about each that is not."""
    records, warnings = {}, []
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["item"] != EXTRA:
                find_item(record["item"])
            for claim in record["claims"]:
                Claim(**claim)
            for key in ("kind", "caption", "profile", "seed", "data", "results", "commit"):
                record[key]
            wrong = [
                file
                for file, digest in record["files"].items()
                if not (folder / file).is_file() or sha256(folder / file) != digest
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            warnings.append(f"`{path.name}` is not a readable record ({type(error).__name__}: {reason}). {_again()}")
            continue
        if wrong:
            warnings.append(f"`{path.name}` is stale: {', '.join(wrong)} missing or not what it recorded. {_again()}")
        else:
            records[path.stem] = record
    return records, warnings


def _again() -> str:
    return "It is left out; `make figures` makes it again."


def _with_defaults(claim: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": claim["item"],
        "claim": claim["statement"],
        "paper": claim["paper"] or find_item(claim["item"]).paper_number,
        "ours": claim["ours"],
        "n": claim["n"],
        "seed": record["seed"] if claim["seed"] is None else claim["seed"],
        "data": claim["data"] or _data_names(record),
        "profile": claim["profile"] or record["profile"],
        "verdict": claim["verdict"],
        "reason": claim["reason"],
    }


def _overall(verdicts: list[str]) -> str:
    """One verdict for an item: all claims agree, or it is "partly"; "not yet" only where nothing else was judged."""
    judged = set(verdicts) - {NOT_YET}
    return NOT_YET if not judged else judged.pop() if len(set(verdicts)) == 1 else PARTLY


def _section(folder: Path, name: str, record: dict[str, Any]) -> list[str]:
    if record["kind"] == "table":
        lines = [(folder / f"{name}.md").read_text(encoding="utf-8")]
    else:
        lines = [*[f"![{name}]({file})" for file in record["files"]], ""]
    origins = sorted({result["origin"] for result in record["results"]})
    facts = [
        _data_names(record) or "no data set",
        f"profile {record['profile']}",
        "" if record["seed"] is None else f"seed {record['seed']}",
        f"commit {record['commit'] or 'unknown'}",
        ", ".join(f"result {origin}" for origin in origins),
        f"[{name}.json]({name}.json)",
    ]
    return [*lines, record["caption"], "", f"<sub>{' · '.join(fact for fact in facts if fact)}</sub>", ""]


def _data_names(record: dict[str, Any]) -> str:
    """For example `mnist (1000 test)`; a result may record more than one set."""
    names = []
    for entry in record["data"]:
        size = " ".join(str(entry[key]) for key in ("count", "split") if entry.get(key))
        names.append(str(entry.get("name", "unnamed data")) + (f" ({size})" if size else ""))
    return ", ".join(dict.fromkeys(names))


def _claims_csv(claims: dict[str, list[dict[str, Any]]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, CLAIM_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for entry in items():
        missing = {"id": entry.id, "claim": entry.shows, "paper": entry.paper_number, "verdict": NOT_YET}
        writer.writerows(claims[entry.id] or [missing])
    return text.getvalue()


def _markdown(columns: Sequence[Any], rows: Any) -> str:
    """A Markdown table; ends with an empty line."""
    lines = [
        [_cell(name) for name in columns],
        ["---"] * len(columns),
        *[[_cell(value) for value in row] for row in rows],
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()).replace("|", "\\|")
