"""Figures with their records, and the page made from those."""

import csv
import json

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
import torch

from inverse_graphics import paths
from inverse_graphics.gallery import CLAIM_COLUMNS, Claim, save_animation, save_figure, save_table, write_gallery
from inverse_graphics.results import Result

DIGITS = {"name": "digits", "split": "test", "count": 20, "source": "built in", "fingerprint": "00"}


def figure():
    drawn = matplotlib.figure.Figure(figsize=(2, 1))
    drawn.subplots().plot([0, 1])
    return drawn


def save(name="ucar-f4_shapes", item="ucar-f4", **record):
    record = {"caption": "Digits.", "profile": "quick", "numbers": {"mse": 0.25}} | record
    return save_figure(figure(), name, item=item, **record)


def claim(verdict="reproduced", item="ucar-f4", **fields):
    return Claim(item, "AAE is dense", "fill 0.4 ± 0.1", verdict, **fields)


def claims_rows(folder):
    with open(folder / "claims.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_claim_is_checked():
    with pytest.raises(ValueError, match="expected the id of a paper item"):
        claim(item="ucar-f44")
    with pytest.raises(ValueError, match=r"verdict: expected one of .*partly.* got 'yes'"):
        claim("yes")
    for verdict in ("partly", "not reproduced"):
        with pytest.raises(ValueError, match="reason: expected one"):
            claim(verdict)
        assert claim(verdict, reason="stand-in data").reason


def test_a_figure_has_its_record_beside_it(workspace):
    result = Result(
        folder=workspace / "runs" / "tiny-0123456789",
        origin="trained on this machine",
        config={"rate": 0.1},
        numbers={},
        provenance={"seed": 3, "data": DIGITS},
        history=[],
    )
    numbers = {"a": np.float32(0.5), "b": torch.arange(2), "c": [np.int64(1), torch.tensor(2.5)], "d": np.eye(2)}
    path = save(numbers=numbers, results=[result], data=[DIGITS], settings={"azimuth": 30}, seed=1, claims=[claim()])
    assert path == paths.FIGURES / "ucar-f4_shapes.png"
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert record["numbers"] == {"a": 0.5, "b": [0, 1], "c": [1, 2.5], "d": [[1.0, 0.0], [0.0, 1.0]]}
    assert record["data"] == [DIGITS]  # once, though both the caller and the result name it
    assert record["results"][0]["config"] == {"rate": 0.1}
    assert record["libraries"]["torch"] and record["claims"][0]["verdict"] == "reproduced"
    assert (record["item"], record["kind"], record["seed"]) == ("ucar-f4", "figure", 1)


def test_a_figure_is_the_same_bytes_twice(workspace):
    first = [file.read_bytes() for file in (save(), paths.FIGURES / "ucar-f4_shapes.json")]
    second = [file.read_bytes() for file in (save(), paths.FIGURES / "ucar-f4_shapes.json")]
    assert first == second
    assert b"Matplotlib" not in first[0]


def test_an_animation_is_shown_moving_and_still(workspace):
    path = save_animation(b"GIF89a", figure(), "film", item="ucar-p1", caption="F.", profile="quick", numbers={})
    assert path.read_bytes() == b"GIF89a"
    record = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert list(record["files"]) == ["film.gif", "film.png"]
    page = write_gallery().read_text(encoding="utf-8")
    assert "![film](film.gif)" in page and "![film](film.png)" in page and "Warning" not in page
    path.write_bytes(b"GIF89b")
    assert "film.gif missing or not what it recorded" in write_gallery().read_text(encoding="utf-8")


def test_smoke_figures_never_reach_the_gallery(workspace):
    assert not save(profile="smoke").is_relative_to(paths.FIGURES)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"numbers": {"mse": {"aae": [0.1, float("nan")]}}},
            r"numbers.mse.aae\[1\]: expected a finite number, got nan",
        ),
        ({"numbers": {"mse": torch.tensor(float("inf"))}}, "numbers.mse: expected a finite number, got inf"),
        ({"numbers": {"mse": object()}}, "numbers.mse: expected numbers, .* got object"),
        ({"item": "ucar-x"}, "item: expected the id of a paper item"),
        ({"profile": "huge"}, "profile: expected one of paper, quick, smoke; got 'huge'"),
    ],
)
def test_a_bad_record_is_refused_before_anything_is_written(workspace, record, message):
    with pytest.raises(ValueError, match=message):
        save(**record)
    assert list(paths.FIGURES.iterdir()) == []


def test_a_table_is_written_as_csv_and_markdown(workspace):
    frame = pd.DataFrame({"objective": ["AAE", "μ|VAE"], "mse": [0.0123456, float("nan")], "n": [1000, 1000]})
    path = save_table(frame, "ucar-t1_table", item="ucar-t1", caption="T.", profile="quick", numbers={})
    assert path.read_text(encoding="utf-8") == "objective,mse,n\nAAE,0.0123456,1000\nμ|VAE,,1000\n"
    markdown = "| objective | mse | n |\n| --- | --- | --- |\n| AAE | 0.01235 | 1000 |\n| μ\\|VAE |  | 1000 |\n"
    assert path.with_suffix(".md").read_text(encoding="utf-8") == markdown
    named = save_table(frame.set_index("objective"), "b", item="ucar-t1", caption="", profile="quick", numbers={})
    assert named.read_bytes() == path.read_bytes()
    write_gallery()
    assert markdown in (paths.FIGURES / "README.md").read_text(encoding="utf-8")


def test_an_extra_is_shown_after_the_items_and_counts_for_none(workspace):
    save("chairs-truth", item="", caption="Against the truth.")
    text = write_gallery().read_text(encoding="utf-8")
    _, after = text.split("## Beyond the papers")
    assert "![chairs-truth](chairs-truth.png)" in after and "Against the truth." in after
    assert "not yet: 50" in text and "Warning" not in text
    with pytest.raises(ValueError, match="expected the id of a paper item"):
        claim(item="")


def test_the_gallery_shows_all_items_and_what_each_claim_came_to(workspace):
    save(claims=[claim(n=1000), claim("not reproduced", reason="too few steps")], data=[DIGITS], seed=7)
    save("ucar-f5_samples", "ucar-f5", claims=[claim(item="ucar-f5", paper="3.5", seed=1, data="garments")])
    save("pix-f4_scene", "pix-f4", profile="paper")
    readme = write_gallery()
    text = readme.read_text(encoding="utf-8")
    assert text.count("\n### ") == 50
    assert "reproduced: 1 · partly: 1 · not reproduced: 0 · not yet: 48" in text
    assert "### Figure 4: partly" in text and "### Figure 5: reproduced" in text
    assert "![ucar-f4_shapes](ucar-f4_shapes.png)" in text
    assert "digits (20 test) · profile quick · seed 7 · commit" in text and "profile paper" in text
    assert "Warning" not in text

    rows = claims_rows(paths.FIGURES)
    assert tuple(rows[0]) == CLAIM_COLUMNS
    assert len(rows) == 51 and len({row["id"] for row in rows}) == 50
    two = [row for row in rows if row["id"] == "ucar-f4"]
    assert [row["verdict"] for row in two] == ["reproduced", "not reproduced"]
    assert two[0] | {} == {
        "id": "ucar-f4",
        "claim": "AAE is dense",
        "paper": "qualitative",
        "ours": "fill 0.4 ± 0.1",
        "n": "1000",
        "seed": "7",
        "data": "digits (20 test)",
        "profile": "quick",
        "verdict": "reproduced",
        "reason": "",
    }
    one = next(row for row in rows if row["id"] == "ucar-f5")
    assert (one["paper"], one["seed"], one["data"]) == ("3.5", "1", "garments")
    assert next(row for row in rows if row["id"] == "szabo-t2")["verdict"] == "not yet"

    before = readme.read_bytes(), (paths.FIGURES / "claims.csv").read_bytes()
    write_gallery()
    assert before == (readme.read_bytes(), (paths.FIGURES / "claims.csv").read_bytes())


def test_stale_and_corrupt_records_become_warnings(workspace):
    save("a", claims=[claim()])
    (paths.FIGURES / "a.png").write_bytes(b"drawn again, and killed before the record was written")
    save("b", claims=[claim()])
    (paths.FIGURES / "b.png").unlink()
    (paths.FIGURES / "c.json").write_text('{"item": "ucar-f4"')
    (paths.FIGURES / "d.json").write_text("[]")
    record = json.loads((paths.FIGURES / "a.json").read_text()) | {"item": "ucar-f99"}
    (paths.FIGURES / "e.json").write_text(json.dumps(record))
    text = write_gallery().read_text(encoding="utf-8")
    assert text.count("**Warning:**") == 5
    assert "`a.json` is stale: a.png" in text and "`b.json` is stale: b.png" in text
    assert "`c.json` is not a readable record" in text and "ucar-f99" in text
    assert {row["verdict"] for row in claims_rows(paths.FIGURES)} == {"not yet"}


def test_an_empty_folder_gives_a_page_too(workspace):
    assert "not yet: 50" in write_gallery("smoke").read_text(encoding="utf-8")
