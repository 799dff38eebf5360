"""What this machine can do at best: a copy of memory and products of matrices, which all else is made of.

python benchmarks/bench_machine.py      No bar: two machines' other numbers can be compared by these.
"""

import torch

from inverse_graphics.training.loop import processor_has_bf16_matrix_units
from timing import Place, count, median_seconds

SIDES = (256, 512, 1024, 2048)
BYTES = (1 << 16, 1 << 20, 1 << 24, 1 << 28)  # in a core's cache, in all cores', in memory


def main() -> None:
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; bf16 matrix units: ", end="")
    print("yes" if processor_has_bf16_matrix_units() else "no")
    for size in BYTES:
        source, target = torch.zeros(size, dtype=torch.uint8), torch.zeros(size, dtype=torch.uint8)
        speed = 2 * size / median_seconds(lambda a=target, b=source: a.copy_(b)) / 1e6
        count(
            f"copy of {size / 1e6:.3g} MB, read and written", speed, "MB a second", place=Place("copy", "bytes", size)
        )
    for kind in (torch.float32, torch.bfloat16):
        name = str(kind).removeprefix("torch.")
        for side in SIDES if kind is torch.float32 or processor_has_bf16_matrix_units() else SIDES[:2]:
            a = torch.rand(side, side).to(kind)
            speed = 2 * side**3 / median_seconds(lambda a=a: a @ a) / 1e6
            place = Place(f"product of matrices, {name}", "side", side)
            count(f"{name} product of {side} × {side}", speed, "million operations a second", place=place)


if __name__ == "__main__":
    main()
