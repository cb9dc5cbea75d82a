"""Train the recogniser, resumable: `python -m training.train_recogniser --data DIR --work DIR`.

On a virtual machine whose AMX units do not work, set ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16.
"""

import argparse
import csv
import multiprocessing
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from gateway.plates.alphabet import CLASSES
from training.net import Recogniser
from training.samples import Studio

BATCH = 64
SEED = 20


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints go here")
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--rate", type=float, default=2.5e-3, help="the highest learning rate")
    parser.add_argument("--start", type=Path, help="begin with these weights, steps from 0")
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


def _supply(data: Path, seed: int, queue: Any) -> None:
    cv2.setNumThreads(1)
    for batch in Studio(data, seed).batches(BATCH):
        queue.put(batch)


def loss_of(net: Recogniser, batch: Any) -> tuple[torch.Tensor, float]:
    """Compute the loss of a batch, and how many of its plates were read whole."""
    pictures, names, box, colours = (torch.from_numpy(each) for each in batch)
    x = pictures.permute(0, 3, 1, 2).to(memory_format=torch.channels_last).float() / 255
    places, corners, colour = net(x)
    loss = functional.cross_entropy(places.flatten(0, 1), names.flatten(), label_smoothing=0.08)
    known = ~torch.isnan(box[:, 0])
    if known.any():
        loss = loss + 4 * functional.smooth_l1_loss(corners[known], box[known], beta=0.02)
    if (colours >= 0).any():
        loss = loss + 0.1 * functional.cross_entropy(colour, colours, ignore_index=-1)
    right = (places.argmax(2) == names).all(1).float().mean().item()
    return loss, right


def read_set(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Load a folder of crops with its index, each at the net's size."""
    with (folder / "index.csv").open(encoding="utf-8") as rows:
        listed = [(row["file"], row["label"]) for row in csv.DictReader(rows)]
    crops = [cv2.resize(cv2.imread(str(folder / file)), (168, 48)) for file, _ in listed]
    return np.stack(crops), [label for _, label in listed]


def measure(net: Recogniser, crops: np.ndarray, labels: list[str]) -> float:
    """Give the share of plates read whole, without grammar."""
    net.eval()
    right = 0
    with torch.no_grad():
        for first in range(0, len(crops), 64):
            x = torch.from_numpy(crops[first : first + 64]).permute(0, 3, 1, 2).float() / 255
            named = net(x)[0].argmax(2)
            for row, label in zip(named, labels[first : first + 64], strict=True):
                right += "".join(CLASSES[i] for i in row) == label
    net.train()
    return right / len(labels)


def main() -> None:
    """Train for `--steps`, keeping a checkpoint each 100."""
    given = read_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)
    given.work.mkdir(parents=True, exist_ok=True)
    kept = given.work / "recogniser.pt"
    net = Recogniser().to(memory_format=torch.channels_last)
    decay = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.02}, {"params": rest, "weight_decay": 0.0}]
    tuner = torch.optim.AdamW(groups, lr=given.rate, betas=(0.9, 0.98))
    pace = torch.optim.lr_scheduler.OneCycleLR(tuner, given.rate, given.steps, pct_start=0.15)
    mean = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    step = 0
    if kept.exists():
        was = torch.load(kept, weights_only=True)
        net.load_state_dict(was["net"])
        mean.load_state_dict(was["mean"])
        tuner.load_state_dict(was["tuner"])
        pace.load_state_dict(was["pace"])
        step = was["step"]
    elif given.start:
        mean.load_state_dict(torch.load(given.start, weights_only=True)["mean"])
        net.load_state_dict(mean.module.state_dict())
    run(given, net, mean, tuner, pace, step, kept)


def run(given, net, mean, tuner, pace, step, kept) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Step until the end; one child draws the samples."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=8)
    child = context.Process(
        target=_supply, args=(given.data, given.seed + step, queue), daemon=True
    )
    child.start()
    crops, labels = read_set(given.data / "dev_crops")
    began, losses, rights = time.process_time(), [], []
    net.train()
    while step < given.steps:
        loss, right = loss_of(net, queue.get())
        tuner.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        tuner.step()
        pace.step()
        mean.update_parameters(net)
        step += 1
        losses.append(loss.item())
        rights.append(right)
        if step % 50 == 0 or step == given.steps:
            cpu_s = time.process_time() - began
            line = f"{step} loss {np.mean(losses[-50:]):.3f} whole {np.mean(rights[-50:]):.3f}"
            if step % 200 == 0 or step == given.steps:
                line += f" dev_crops {measure(mean.module, crops, labels):.4f}"
                state = {"net": net, "mean": mean, "tuner": tuner, "pace": pace}
                packed = {name: each.state_dict() for name, each in state.items()}
                torch.save({**packed, "step": step}, kept.with_suffix(".new"))
                kept.with_suffix(".new").replace(kept)
            print(f"{line} cpu {cpu_s:.0f} s", flush=True)
            with (kept.parent / "curve.txt").open("a") as curve:
                curve.write(line + "\n")
    child.terminate()


if __name__ == "__main__":
    main()
