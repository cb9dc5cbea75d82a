# ruff: noqa: PLC0415 - torch takes seconds to import, and packing or --help need none of it.
"""`python -m training`: from data to the committed model files, by one command or step by step.

`all` does the rest in order; started again it goes on where it was. Each step may be had alone.
"""

import argparse
import os
import sys
import time
from itertools import islice
from pathlib import Path

from gateway.plates.model import SECOND

MODELS = Path(__file__).parents[1] / "gateway/plates/models"
STEPS = {"finder": 6000, "recogniser": 12000, "double": 7000, "tesseract": 8500}
"""For two CPU cores, some hours. A GPU does ten times as many in minutes: see README.md."""
NETS = ("finder", "recogniser", "double", "tesseract")
ON_DATA = ("all", *NETS, "calibrate", "pack", "rate", "weigh")


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for name, about in (
        ("all", "train all nets, export, calibrate and evaluate"),
        ("finder", "train the detector"),
        ("recogniser", "train the recogniser"),
        ("double", "train the recogniser of plates of two lines"),
        ("export", "write the trained nets as ONNX"),
        ("calibrate", "find temperature, Platt's line and the accept line"),
        ("evaluate", "read drawn plates of every kind"),
        ("tesseract", "train the line net, and plate.traineddata of it"),
        ("weigh", "find what the second reader's word is worth"),
        ("pack", "pack the data small enough to travel"),
        ("rate", "measure how many samples a core draws in a second"),
    ):
        own = steps.add_parser(name, help=about, description=about)
        own.add_argument("--data", type=Path, required=name in ON_DATA, help="the public pictures")
        own.add_argument("--work", type=Path, default=Path("work"), help="checkpoints and curves")
        own.add_argument("--out", type=Path, default=MODELS, help="where the models go")
        own.add_argument("--steps", type=int, help="of training, all slices together")
        own.add_argument("--slice-s", type=float, default=float("inf"), help="stop after so long")
        own.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
        own.add_argument("--reuse", type=int, default=1, help="steps a drawn batch is worth")
        own.add_argument("--batch", type=int)
        own.add_argument("--rate", type=float, help="the highest learning rate")
        own.add_argument("--size", choices=("small", "large"), default="large")
        own.add_argument("--start", type=Path, help="checkpoints or models to begin from")
        own.add_argument("--reader", choices=("net", "tesseract"), default="net")
        own.add_argument("--each", type=int, default=100, help="plates a kind to evaluate")
        own.add_argument("--heavy", type=float, default=0.5, help="how much their wear hides, to 1")
    return parser.parse_args()


def start_of(folder: Path, name: str) -> Path:
    """Choose a folder's checkpoint, else its exported net.

    The net for two lines begins with the recogniser's checkpoint where it has none of its own.
    """
    kept = folder / f"{name}.pt"
    if name == "double" and not kept.exists() and (folder / "recogniser.pt").exists():
        return folder / "recogniser.pt"
    written = SECOND if name == "tesseract" else f"{name}.onnx"
    return kept if kept.exists() else folder / written


def train(given: argparse.Namespace, name: str, slice_s: float) -> bool:
    """Train one net; say whether it is done."""
    from training import finder, lines, recogniser
    from training.learning import Plan, learn

    start = given.start
    if start is None and name == "double" and (given.work / "recogniser.pt").exists():
        start = given.work
    plan = Plan(
        data=given.data, work=given.work, steps=given.steps or STEPS[name],
        workers=given.workers, reuse=given.reuse, slice_s=slice_s, rate=given.rate,
        start=start_of(start, name) if start else None,
    )  # fmt: skip
    if name == "finder":
        return learn(finder.course(given.data, given.batch), plan)
    if name == "tesseract":
        return lines.train_lines(plan, given.out, given.batch)
    double = name == "double"
    return learn(recogniser.course(given.data, given.size, given.batch, double=double), plan)


def rate(data: Path) -> None:
    """Print drawn samples a second of one core."""
    from training import finder, recogniser

    for name, supply in (("recogniser", recogniser.supply), ("finder", finder.supply)):
        batches = supply(data, 1, 32)
        next(batches)
        began = time.process_time()
        count = sum(len(batch[0]) for batch in islice(batches, 12))
        print(f"{name}: {count / (time.process_time() - began):.0f} samples a second and core")


def finish(given: argparse.Namespace) -> None:
    """Export, calibrate and evaluate what was trained."""
    from training.calibrate import calibrate
    from training.evaluate import evaluate
    from training.export import export

    export(given.work, given.out)
    calibrate(given.data, given.out, 15 * given.each)
    evaluate(
        given.out, given.data / "ga36_glyphs/font_model", given.work / "kinds.json", given.each
    )


def main() -> None:
    """Do what is asked; exit 3 when a slice ended before the training did."""
    # Some virtual machines offer AMX and do not pass it on: training is then 15 times slower.
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    given = read_arguments()
    began, done = time.monotonic(), True
    match given.step:
        case "all":
            for name in STEPS:
                left_s = given.slice_s - (time.monotonic() - began)
                done = done and left_s > 0 and train(given, name, left_s)
            if done:
                finish(given)
        case "finder" | "recogniser" | "double":
            done = train(given, given.step, given.slice_s)
        case "export":
            from training.export import export

            export(given.work, given.out, given.start)
        case "calibrate":
            from training.calibrate import calibrate

            calibrate(given.data, given.out, 15 * given.each)
        case "evaluate":
            from training.evaluate import evaluate

            folder = given.data / "ga36_glyphs/font_model" if given.data else None
            evaluate(given.out, folder, None, given.each, given.reader, given.heavy)
        case "pack":
            from training.pack import pack

            pack(given.data, given.out)
        case "rate":
            rate(given.data)
        case "weigh":
            from training.weigh import weigh

            weigh(given.data, 5 * given.each)
        case "tesseract":
            done = train(given, "tesseract", given.slice_s)
    sys.exit(0 if done else 3)


if __name__ == "__main__":
    main()
