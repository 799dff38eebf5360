"""What notebooks import, imported once: the process that `headless` forks all others from starts with this module.

Nothing here may start a thread or choose anything that a notebook chooses: what comes of it is forked.
"""

import os
import sys

# jsonschema, which nbformat brings in, imports it if it can and works without; its import builds a grammar for
# internationalised addresses, which takes seconds and which no notebook needs.
sys.modules.setdefault("rfc3987_syntax", None)
os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as a kernel sets it before anything

import ipykernel.ipkernel  # noqa: E402
import ipykernel.kernelapp  # noqa: E402
import ipykernel.kernelspec  # noqa: E402, F401
import jupyter_client.provisioning  # noqa: E402, F401
import matplotlib.pyplot  # noqa: E402, F401
import pandas  # noqa: E402, F401
import papermill  # noqa: E402, F401

import inverse_graphics.experiments.catalogue  # noqa: E402
import inverse_graphics.gallery  # noqa: E402
import inverse_graphics.plots  # noqa: E402, F401
