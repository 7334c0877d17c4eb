"""What engine svd costs: operations, memory and time, counted anywhere and measured on the device that is there.

    python bench/svd.py count
    python bench/svd.py plan
    python bench/svd.py samplers
    python bench/svd.py run [--size full|half|tiny] [--device cuda] [--sides 512 768] [--durations 10 60] [--only CASE]

count: full-size networks on the meta device: flops, memory traffic and live bytes of one call (see svd_count.py),
beside the formulas of sonic.engines.svd.memory.
plan: what that makes of a second of video, option by option. Times are a roofline of named GPUs, from data-sheet peaks
and the stated share of them: planned, not measured.
samplers: the error of a sampler against its number of steps, on normally distributed numbers, whose best denoiser is
known; what pictures make of it is another question.
run: the engine's own loop, decoder and interpolation on one device, with random weights. A case is a plain loop (fp16
on a GPU, eager, the three passes of a window in one call, all networks on the device) but for what it names; on a
processor those that compile are left out unless named. The last steps of the schedule, as many as guidance_refresh is,
stand for all of them; two chunks of decoding and two interpolated frames stand for all. "ms a UNet call" is the wall
time of these steps over their calls (on a processor, the processor time), moving windows to the device and merging them
included; one step of up to four windows goes before, uncounted, and compiles. Peak: the most that
torch.cuda.max_memory_allocated says of denoising and decoding. Difference: latents after these steps against the plain
loop's, the largest over the range.
"""

import argparse
import sys

import torch

import machine

PACKAGES = ("torch", "diffusers", "transformers")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("count", help="one call of each network, counted")
    parts.add_parser("plan", help="operations, memory and planned time of a second of video")
    parts.add_parser("samplers", help="how near samplers come with few steps")
    run = parts.add_parser("run", help="measure on this machine")
    run.add_argument("--size", default="full", choices=("full", "half", "tiny"))
    run.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    run.add_argument("--sides", nargs="+", type=int, default=[512, 768], metavar="PX")
    run.add_argument("--durations", nargs="+", type=float, default=[10, 60], metavar="S")
    run.add_argument(
        "--window", type=int, default=25, help="frames of a window; less than 25 only to try the benchmark"
    )
    run.add_argument("--only", nargs="+", metavar="CASE", help="the plain loop and these cases")
    arguments = parser.parse_args()
    print(machine.describe(PACKAGES))
    return PARTS[arguments.part](arguments)


def _count(arguments: argparse.Namespace) -> int:
    from svd_plan import count_tables

    print(f"method: meta device, see bench/svd_count.py\n\n{count_tables()}")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from svd_plan import plan_tables

    print(f"method: counted on the meta device; times are planned, not measured\n\n{plan_tables()}")
    return 0


def _samplers(arguments: argparse.Namespace) -> int:
    from svd_samplers import samplers_table

    print(f"error of a sample over the deviation of the data, by sampler and that deviation\n\n{samplers_table()}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from svd_run import measure

    for line in measure(arguments):
        print(line, flush=True)
    return 0


PARTS = {"count": _count, "plan": _plan, "samplers": _samplers, "run": _run}

if __name__ == "__main__":
    sys.exit(main())
