"""The folders of an empty project."""

PLACES = {  # name in `inverse_graphics.paths` → place in the project
    "NOTEBOOKS": "notebooks",
    "FIGURES": "figures",
    "CHECKPOINTS": "data/checkpoints",
    "DOWNLOADS": "data/downloads",
    "DATA": "data",
    "RUNS": "runs",
    "BUILD": "build",
}
