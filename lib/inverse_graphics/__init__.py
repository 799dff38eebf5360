"""One image in, a shape out, three ways: voxels (Uçar 2019), surfels (Pix2Scene 2018), meshes (Szabó & Favaro 2019).

Data flows, and the package reads, in this order:

    datasets ──images──▶ models ──voxels | surfels | mesh──▶ renderers ──images──▶ objectives ──loss──▶ training
                                       │                                                          │
                                       └──▶ metrics ──▶ results (numbers + provenance) ◀──────────┘
                                                              │
                                  notebooks ◀── plots, widgets ◀── experiments

| module | what it holds |
|---|---|
| `paths`, `files`, `checks` | folders; atomic writes and hashes; argument checks |
| `geometry` | cameras (the coordinate convention), voxel grids, depth maps, shape images, meshes, alignment |
| `renderers` | primitive + camera → image: pure functions, differentiable, no networks |
| `datasets` | `load(name)` → `ImageSet`; real sets, downloads, built-in stand-ins; pictures of one's own |
| `models` | networks, no losses |
| `objectives` | losses, one record of named terms each, no networks |
| `metrics` | numbers that judge a shape or a picture |
| `training` | the loop (Lightning Fabric), checkpoints, one trainer per family |
| `results` | numbers, seeds, versions, data source, commit: saved, shipped, verified, loaded |
| `experiments` | one file per experiment: frozen config, smoke / quick / paper, run |
| `export` | shapes → GLB, OBJ, PLY, STL, and back; PNG |
| `plots`, `widgets`, `explorer` | figures returned, never shown; live views, and what of them needs no kernel |
| `items`, `gallery` | the 50 paper items; figure files with their JSON, claims, verdicts, the gallery page |
| `pipeline`, `headless`, `preloaded` | run notebooks without a browser; their processes; what these have imported |
| `site` | executed notebooks → pages that need neither a kernel nor a network |
| `cli`, `verbs` | what is asked for in a shell; what each verb does |

Names, one per idea:

| name | meaning |
|---|---|
| voxels | occupancies in [0, 1], (B, D, H, W): depth away from the azimuth-0 camera, height downward, width right |
| projection | image (B, 1, H, W) of voxels by P = 1 − exp(−Σ V) (Uçar 2019, Eq. 2) |
| azimuth | angle of the camera about +y, radians in lib, degrees where a person types it; 0 looks down −z |
| elevation | angle of the camera above the horizon, radians |
| surfel | a point and a unit normal of the surface, one for each pixel (Pix2Scene 2018, Sec. 3.1) |
| depth | distance along the unit ray through a pixel's centre, world units, (B, 1, H, W) |
| lights | point lights and an ambient one, with the falling off of Eq. (1); `albedo` is what share surfaces reflect |
| shape image | (B, 3, N, N): each pixel is a vertex of a mesh, world coordinates (Szabó & Favaro 2019, Sec. 6) |
| texture, uv | colours (B, 3, H, W) of a mesh, and where in them each vertex is: (V, 2) in [0, 1], right and down |
| question | four pictures of 3D-IQTT, (N, 4, 3, S, S): a reference and three answers |
| scene | a room with objects, one camera and its lights; a `SceneSet` has many and their truth |
| texturizer | the two-layer network that maps a projection to a shaded image (Uçar 2019, Sec. 3) |
| latent | z_s, the shape code; μ and log σ² are its posterior's mean and log-variance |
| objective | what is minimised: a record of named terms with a `total` |
| profile | the size of an experiment: `smoke` (seconds), `quick` (a two-core laptop), `paper` (the paper's sizes) |
| stand-in | built-in data used where a real set is not on the machine; always called by its own name |
| result | what a finished experiment leaves: numbers, weights, arrays and where they came from |
| claim | one statement of a paper with the paper's number, ours, and a verdict |

Shape letters: B batch, C channels, H W image rows and columns, D depth, V vertices, F faces, K layers or lights,
Z latent.
"""

__version__ = "0.1.0"
