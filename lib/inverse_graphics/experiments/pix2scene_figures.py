"""pix-f4, t1, f5, t2, f6, f12, f14, f15 and f16: what trained surfel models reconstruct, and what that is worth.

Nothing is trained here. Numbers are those that `pix2scene.judge` stored; pictures are made again from stored weights.
Verdicts compare with answers that know nothing of the model, `FLOORS`, and with the paper's numbers where units allow.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from inverse_graphics.datasets.scenes import SceneSet, sweep, view_from
from inverse_graphics.experiments.pix2scene import decode, encode, reconstruct
from inverse_graphics.geometry.cameras import Cameras
from inverse_graphics.models.surfels import SurfelModel
from inverse_graphics.renderers.shading import Lights
from inverse_graphics.renderers.surfels import render_surfels
from inverse_graphics.results import Result

OURS = "ours"
DECODED = "ours, codes alone"  # jumps of depth are not set to the picture
FLOORS = {"mean_depth": "mean depth", "plane": "plane", "nearest_picture": "nearest picture"}
OF_THE_PAPER = {"hausdorff_forward": "Hausdorff F", "hausdorff_reverse": "Hausdorff R", "depth_mse": "depth MSE"}
FURTHER = {
    "hausdorff_mean_forward": "mean-form F",
    "hausdorff_mean_reverse": "mean-form R",
    "normal_angle": "normal angle, °",
}
MEASURES = OF_THE_PAPER | FURTHER
SHAPE = ("depth_mse", "normal_angle")  # those that say whether a picture of depth and normals is right

TABLE_1 = {
    "box_translation": {"hausdorff_forward": 0.087, "hausdorff_reverse": 0.093, "depth_mse": 0.032},
    "box_rotation": {"hausdorff_forward": 0.102, "hausdorff_reverse": 0.183, "depth_mse": 0.022},
    "shapes": {"hausdorff_forward": 0.125, "hausdorff_reverse": 0.191, "depth_mse": 0.038},
}
TABLE_2 = {
    "shapes": {
        "hausdorff_forward": {5: 0.110, 35: 0.143, 55: 0.140, 80: 0.161},
        "hausdorff_reverse": {5: 0.156, 35: 0.191, 55: 0.189, 80: 0.202},
        "depth_mse": {5: 0.012, 35: 0.021, 55: 0.022, 80: 0.027},
    },
    "multiple_shapes": {
        "hausdorff_forward": {5: 0.256, 35: 0.301, 55: 0.282, 80: 0.272},
        "hausdorff_reverse": {5: 0.308, 35: 0.355, 55: 0.329, 80: 0.316},
        "depth_mse": {5: 0.070, 35: 0.091, 55: 0.088, 80: 0.083},
    },
}
GROWTH = 1.5  # of an error from the first to the last turn: the paper's Hausdorff distances on shape scenes grow less


class Seen(NamedTuple):
    """What a camera sees of N scenes: `image` (N, 3, H, W) in [0, 1], `depth` (N, 1, H, W), `normals` (N, 3, H, W)."""

    image: Tensor
    depth: Tensor
    normals: Tensor


# Pictures


def truth(scenes: SceneSet) -> Seen:
    return Seen(scenes.images, scenes.depth, scenes.normals)


def shown(depth: Tensor, camera: Cameras, lights: Lights, albedo: float) -> Seen:
    """Depth maps (N, 1, H, W) as surfels under lights."""
    surfels = render_surfels(depth, camera, lights, albedo)
    return Seen(surfels.image.clamp(0, 1), depth, surfels.normals)


def reconstructed(model: SurfelModel, scenes: SceneSet, lights: Lights | None = None) -> Seen:
    """Scenes as the model makes them again from their pictures, under their own lights.

    Under others, if they are given: their own are then not made use of at all.
    """
    if lights is None:
        depth = reconstruct(model, scenes)
    else:
        depth = decode(model, encode(model, scenes), scenes.camera, scenes.labels)
    return shown(depth, scenes.camera, lights or scenes.lights, scenes.albedo)


def turned(model: SurfelModel, scenes: SceneSet, turns: Sequence[float]) -> dict[float, tuple[Seen, Seen]]:
    """Truth and what the model says, seen from cameras turned by some degrees about the scenes.

    The model is given one picture of each scene, from where `sweep` starts.
    """
    start = view_from(scenes, sweep(scenes, (0,))[0])
    latents = encode(model, start)
    views = {}
    for turn, camera in zip(turns, sweep(scenes, turns), strict=True):
        depth = decode(model, latents, camera, scenes.labels)
        views[turn] = truth(view_from(scenes, camera)), shown(depth, camera, scenes.lights, scenes.albedo)
    return views


def one_of_each(scenes: SceneSet, count: int) -> SceneSet:
    """The first scene of each class and then the others in their order, `count` in all: a choice by rule."""
    labels = scenes.labels.tolist()
    firsts = [labels.index(label) for label in sorted(set(labels))]
    rest = [at for at in range(len(labels)) if at not in firsts]
    return scenes.pick(torch.tensor((firsts + rest)[:count]))


def class_titles(scenes: SceneSet) -> list[str]:
    """The class of each scene's (first) object."""
    return [scenes.class_names[label] for label in scenes.labels.tolist()]


def where_from(result: Result, scenes: SceneSet) -> str:
    """What a model was trained on, and, if they differ from those it was judged on, the shapes that are shown."""
    train, test = result.provenance["data"]
    told = f"{result.origin}; {train['count']} pictures: {train['source']}"
    if test["source"] != scenes.source:
        told += f". Judged on {test['source']}; shown are others: {scenes.source}"
    return told


# Numbers


def methods(result: Result, others: Mapping[str, Result] | None = None) -> dict[str, dict[str, dict[str, float]]]:
    """Method → measure → mean and standard deviation over test scenes: ours, floors, models of other results."""
    stored = result.numbers["methods"]
    rows = {"model": OURS, "decoded": DECODED} | FLOORS
    found = {label: stored[name] for name, label in rows.items() if name in stored}
    return found | {label: other.numbers["methods"]["model"] for label, other in (others or {}).items()}


def judgement(
    results: Mapping[str, Result],
    others: Mapping[str, Mapping[str, Result]] | None = None,
    measures: Sequence[str] = tuple(MEASURES),
) -> pd.DataFrame:
    """A row for each set of scenes and method; per measure the mean over test scenes and its spread.

    Args:
        results: name of the scenes → result.
        others: name of the scenes → label → a further result judged on the same scenes.
    """
    rows = {}
    for scenes, result in results.items():
        for method, values in methods(result, (others or {}).get(scenes)).items():
            row: dict[str, Any] = {}
            for measure in measures:
                row[MEASURES[measure]] = values[measure]["mean"]
                row[f"{MEASURES[measure]}, ±"] = values[measure]["std"]
            rows[scenes, method] = row
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(["scenes", "method"])


def table_1(results: Mapping[str, Result], supervised: Mapping[str, Result], measures: Sequence[str]) -> pd.DataFrame:
    """Table 1: a row for each measure and method, the paper first; per set of scenes the mean and its spread.

    Args:
        results: `box_translation`, `box_rotation`, `shapes` → result.
        supervised: name of the scenes → upper bound, where there is one.
    """
    bounds = {kind: {"supervised": result} for kind, result in supervised.items()}
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for measure in measures:
        for kind, result in results.items():
            scenes, name = kind.replace("_", " "), MEASURES[measure]
            if measure in OF_THE_PAPER:
                rows.setdefault((name, "the paper"), {})[scenes] = TABLE_1[kind][measure]
            for method, values in methods(result, bounds.get(kind)).items():
                cells = {scenes: values[measure]["mean"], f"{scenes}, ±": values[measure]["std"]}
                rows.setdefault((name, method), {}).update(cells)
    columns = [name for kind in results for name in (kind.replace("_", " "), kind.replace("_", " ") + ", ±")]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return table.rename_axis(["measure", "method"])


def table_2(results: Mapping[str, Result]) -> pd.DataFrame:
    """Table 2: a row for each set of scenes, measure and method; the mean at each turn, and that at the last turn over
    that at the first. The spread over scenes follows, a column for each turn."""
    rows = {}
    for kind, result in results.items():
        stored, scenes = result.numbers["turned"], kind.replace("_", " ")
        for measure, name in OF_THE_PAPER.items():
            turns = list(TABLE_2[kind][measure])
            paper = {f"{turn}°": value for turn, value in TABLE_2[kind][measure].items()}
            rows[scenes, name, "the paper"] = paper | {"growth": growth(paper.values())}
            for method, label in ({"model": OURS} | FLOORS).items():
                cells = {turn: stored[method][str(turn)][measure] for turn in turns}
                row = {f"{turn}°": cell["mean"] for turn, cell in cells.items()}
                row["growth"] = growth(row.values())
                rows[scenes, name, label] = row | {f"{turn}°, ±": cell["std"] for turn, cell in cells.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["scenes", "measure", "method"])


def growth(errors: Sequence[float]) -> float:
    """The last error over the first."""
    errors = list(errors)
    return errors[-1] / errors[0]


def turned_series(result: Result, measure: str, kind: str) -> dict[str, tuple[list[int], list[float]]]:
    """Error against turn, for a chart: ours, the floors, the paper's where it has this measure."""
    stored = result.numbers["turned"]
    series = {}
    for method, label in ({"model": OURS} | FLOORS).items():
        turns = [int(turn) for turn in stored[method]]
        series[label] = turns, [stored[method][str(turn)][measure]["mean"] for turn in turns]
    if measure in OF_THE_PAPER:
        series["the paper"] = list(TABLE_2[kind][measure]), list(TABLE_2[kind][measure].values())
    return series


# Verdicts


def floors_verdict(results: Mapping[str, Result], measures: Sequence[str] = SHAPE) -> tuple[str, str]:
    """Verdict and reason on "the scenes are reconstructed".

    "reproduced" if the model's mean is below that of every floor in each measure for each result, "partly" if in half
    of them, else "not reproduced".
    """
    told, won = [], 0
    for scenes, result in results.items():
        found = methods(result)
        for measure in measures:
            ours, (label, floor) = found[OURS][measure]["mean"], _best_floor(found, measure)
            won += ours < floor
            told.append(f"{scenes}: {MEASURES[measure]} {ours:.3g}, best floor {floor:.3g} ({label})")
    verdict = "reproduced" if won == len(told) else "partly" if 2 * won >= len(told) else "not reproduced"
    return verdict, f"below every floor in {won} of {len(told)}. {'; '.join(told)}"


def as_the_paper(found: tuple[str, str], *results: Result) -> tuple[str, str]:
    """A verdict and its reason, no better than "partly" where a result was trained without the critic: what the paper
    claims is what its game teaches."""
    verdict, reason = found
    if all(result.config["adversarial"] for result in results):
        return verdict, reason
    return ("partly" if verdict == "reproduced" else verdict), f"learnt without the paper's critic; {reason}"


def table_1_verdict(results: Mapping[str, Result]) -> tuple[str, str]:
    """Verdict and reason on Table 1, over its three measures on each set of scenes.

    (a) The model must be better than every floor. (b) It must be no worse than the paper where numbers can be compared:
    where the paper's is better than all our floors. Where an answer that knows nothing beats it, it cannot be in our
    unit, or the scenes were harder, and to be below it would prove nothing.

    "reproduced" if both hold in full and something can be compared, "partly" if (a) holds in half or more, else "not
    reproduced".
    """
    cells = [(kind, measure) for kind in results for measure in OF_THE_PAPER]
    lost, apart, worse = [], [], []
    for kind, measure in cells:
        found, paper = methods(results[kind]), TABLE_1[kind][measure]
        ours, (label, floor) = found[OURS][measure]["mean"], _best_floor(found, measure)
        cell = f"{OF_THE_PAPER[measure]} on {kind.replace('_', ' ')}"
        if ours >= floor:
            lost.append(f"{cell} ({ours:.3g}, {label} {floor:.3g})")
        if paper >= floor:
            apart.append(f"{cell} ({paper:g}, {label} {floor:.3g})")
        elif ours > paper:
            worse.append(f"{cell} ({ours:.3g}, the paper {paper:g})")
    comparable = len(cells) - len(apart)
    reason = f"better than every floor in {len(cells) - len(lost)} of {len(cells)} numbers"
    reason += f", not in {', '.join(lost)}" if lost else ""
    reason += f"; no worse than the paper in {comparable - len(worse)} of {comparable} that can be compared"
    reason += f", not in {', '.join(worse)}" if worse else ""
    if apart:
        reason += (
            f". Not compared: {', '.join(apart)}, since a floor of ours is below the paper's number there; "
            "it states no unit and no scale of its scenes"
        )
    if not lost and not worse and comparable:
        return "reproduced", reason
    return ("partly" if 2 * len(lost) <= len(cells) else "not reproduced"), reason


def table_2_verdict(result: Result, kind: str) -> tuple[str, str]:
    """Verdict and reason on "views up to 80° away are reconstructed".

    (a) Each error may grow from the first turn to the last by `GROWTH`, or by as much as the paper's does if that is
    more. (b) It must be below every floor at each turn, since a bad answer need not grow worse. "reproduced" if both
    hold in all three measures, "partly" if (a) does, or (b) in half or more; else "not reproduced".
    """
    stored = result.numbers["turned"]
    grown, told, below, count = True, [], 0, 0
    for measure, name in OF_THE_PAPER.items():
        paper = TABLE_2[kind][measure]
        ours = [stored["model"][str(turn)][measure]["mean"] for turn in paper]
        most = max(GROWTH, growth(paper.values()))
        grown &= growth(ours) <= most
        below += sum(_below_floors(stored, measure, turn) for turn in paper)
        count += len(paper)
        told.append(f"{name} grows {growth(ours):.2f}-fold (the paper's {growth(paper.values()):.2f})")
    reason = f"from 5° to 80° {', '.join(told)}; below every floor in {below} of {count} numbers"
    if grown and below == count:
        return "reproduced", reason
    return ("partly" if grown or 2 * below >= count else "not reproduced"), reason


def views_verdict(result: Result, measure: str) -> tuple[str, str]:
    """Verdict and reason on "what one picture did not show is inferred".

    "reproduced" if the measure is below that of every floor from each turned camera; "partly" if below those of the
    mean depth map and the plane. The nearest picture's true scene, really turned, has every pixel of the room right.
    """
    stored = result.numbers["turned"]
    turns = [turn for turn in stored["model"] if turn != "0"]
    below = sum(_below_floors(stored, measure, turn) for turn in turns)
    ignorant = all(_below_floors(stored, measure, turn, ("mean_depth", "plane")) for turn in turns)
    last = turns[-1]
    label, floor = _best_floor({label: stored[name][last] for name, label in FLOORS.items()}, measure)
    reason = (
        f"{MEASURES[measure]} below every floor at {below} of {len(turns)} turns; at {last}° "
        f"{stored['model'][last][measure]['mean']:.3g}, best floor {floor:.3g} ({label})"
    )
    return ("reproduced" if below == len(turns) else "partly" if ignorant else "not reproduced"), reason


def lights_verdict(unknown: Result, known: Result) -> tuple[str, str]:
    """Verdict and reason on "light information is not needed to learn structure" (App. B).

    "reproduced" if the model that was never told the lights is below every floor in `SHAPE` and its errors are at most
    `GROWTH` times those of the model that was; "partly" if it is below every floor in one of them.
    """
    found, told, won, near = methods(unknown), [], 0, True
    for measure in SHAPE:
        ours, with_lights = (result.numbers["methods"]["model"][measure]["mean"] for result in (unknown, known))
        label, floor = _best_floor(found, measure)
        won += ours < floor
        near &= ours <= GROWTH * with_lights
        told.append(f"{MEASURES[measure]} {ours:.3g}, lights known {with_lights:.3g}, best floor {floor:.3g} ({label})")
    verdict = "reproduced" if won == len(SHAPE) and near else "partly" if won else "not reproduced"
    return verdict, "; ".join(told)


def bound_sentence(result: Result, supervised: Result) -> str:
    """How many times the errors of a model of the same size that was trained on true depth ours are."""
    ours, bound = methods(result)[OURS], methods(supervised)[OURS]
    told = [f"{name} {ours[m]['mean'] / bound[m]['mean']:.2g}" for m, name in MEASURES.items()]
    return f"Our errors over those of a directly supervised network: {', '.join(told)}"


def gap_table(result: Result, others: Mapping[str, Result], supervised: Result) -> pd.DataFrame:
    """How far each model comes from the best floor (0) to the supervised bound (1), for each measure; below 0 it is
    worse than the floor. Floors are those of `result`. NaN where the bound itself is no better than the floor."""
    found = methods(result, others)
    rows = {}
    for measure, name in MEASURES.items():
        floor, bound = _best_floor(found, measure)[1], supervised.numbers["methods"]["model"][measure]["mean"]
        errors = {method: found[method][measure]["mean"] for method in (OURS, *others)}
        way = floor - bound
        rows[name] = {method: (floor - error) / way if way > 0 else float("nan") for method, error in errors.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def _below_floors(
    stored: Mapping[str, Any], measure: str, turn: int | str, floors: Sequence[str] = tuple(FLOORS)
) -> bool:
    ours, *others = (stored[name][str(turn)][measure]["mean"] for name in ("model", *floors))
    return ours < min(others)


def _best_floor(found: Mapping[str, Any], measure: str) -> tuple[str, float]:
    """The floor with the least error, and that error."""
    return min(((label, found[label][measure]["mean"]) for label in FLOORS.values()), key=lambda pair: pair[1])
