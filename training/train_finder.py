"""Train the detector, resumable: `python -m training.train_finder --data DIR --work DIR`."""

import argparse
import multiprocessing
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.nn import functional

from training.frames import Street
from training.net import Finder

BATCH = 24
SEED = 36


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints go here")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=3e-3, help="the highest learning rate")
    return parser.parse_args()


def _supply(data: Path, seed: int, queue: Any) -> None:
    cv2.setNumThreads(1)
    for batch in Street(data, seed).batches(BATCH):
        queue.put(batch)


def loss_of(net: Finder, batch: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Compute the loss, its corner part, and the share of plate cells that are found."""
    pictures, target = (torch.from_numpy(each) for each in batch)
    x = pictures.permute(0, 3, 1, 2).to(memory_format=torch.channels_last).float() / 255
    with torch.autocast("cpu", dtype=torch.bfloat16):
        said = net(x)
    said = said.float()
    wanted, known = target[:, 0].clamp(min=0), target[:, 0] >= 0
    plain = functional.binary_cross_entropy_with_logits(said[:, 0], wanted, reduction="none")
    sure = torch.sigmoid(said[:, 0])
    off = torch.where(wanted > 0, 1 - sure, sure)
    core = target[:, 0] > 0
    count = core.sum().clamp(min=1)
    focal = (plain * off**2)[known].sum() / count
    away = (said[:, 1:] - target[:, 1:]).permute(0, 2, 3, 1)[core]
    ways = functional.smooth_l1_loss(away, torch.zeros_like(away), beta=0.1)
    return focal + 1.5 * ways, ways, (sure[core] > 0.5).float().mean()


def main() -> None:
    """Train for `--steps`, keeping a checkpoint each 200."""
    given = read_arguments()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    given.work.mkdir(parents=True, exist_ok=True)
    kept = given.work / "finder.pt"
    net = Finder().to(memory_format=torch.channels_last)
    tuner = torch.optim.AdamW(net.parameters(), lr=given.rate, betas=(0.9, 0.98), weight_decay=0.01)
    pace = torch.optim.lr_scheduler.OneCycleLR(tuner, given.rate, given.steps, pct_start=0.1)
    mean = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99), use_buffers=True
    )
    parts = {"net": net, "mean": mean, "tuner": tuner, "pace": pace}
    step = 0
    if kept.exists():
        was = torch.load(kept, weights_only=True)
        step = was["step"]
        for name, part in parts.items():
            part.load_state_dict(was[name])
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(maxsize=8)
    child = context.Process(target=_supply, args=(given.data, SEED + step, queue), daemon=True)
    child.start()
    began, seen = time.process_time(), []
    while step < given.steps:
        loss, ways, found = loss_of(net, queue.get())
        tuner.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        tuner.step()
        pace.step()
        mean.update_parameters(net)
        step += 1
        seen.append((loss.item(), ways.item(), found.item()))
        if step % 100 == 0 or step == given.steps:
            loss_, ways_, found_ = np.nanmean(seen[-100:], axis=0)
            cpu_s = time.process_time() - began
            line = (
                f"{step} loss {loss_:.3f} corners {ways_:.4f} found {found_:.3f} cpu {cpu_s:.0f} s"
            )
            print(line, flush=True)
            packed = {name: part.state_dict() for name, part in parts.items()}
            torch.save({**packed, "step": step}, kept.with_suffix(".new"))
            kept.with_suffix(".new").replace(kept)
    child.terminate()


if __name__ == "__main__":
    main()
