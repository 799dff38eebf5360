"""Where the time of a quick training goes: the operations of three of its steps, on one thread, and their shares.

    python benchmarks/profile_trainings.py                 one experiment of each family
    python benchmarks/profile_trainings.py ucar-f7         this one

Not a comparison, so `make bench` leaves it out; docs/speed.md holds what it printed.
"""

import sys
from collections.abc import Sequence

import torch
from torch.profiler import ProfilerActivity, profile

from trainings import FAMILIES, training

WARM_UP, STEPS = 2, 3
SHOWN = 9


def main(names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    for name in names or FAMILIES:
        measured = training(name)
        for _ in range(WARM_UP):
            measured.step()
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for _ in range(STEPS):
                measured.step()
        events = sorted(found.key_averages(), key=lambda event: -event.self_cpu_time_total)
        total = sum(event.self_cpu_time_total for event in events)
        print(f"{name}, {measured.name}: {total / STEPS / 1e3:.0f} ms a step of {measured.batch_size}")
        for event in events[:SHOWN]:
            share, what = event.self_cpu_time_total / total, event.key.removeprefix("aten::")
            print(f"  {share:6.1%}  {what} ({event.count // STEPS} times a step)", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
