"""How the detector learns, and how well it finds plates laid into street pictures."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.frames import Street
from training.learning import Course, Tensors, device
from training.net import Finder

SEED: Final = 36
MEASURE_SEED: Final = 4003
MEASURED: Final = 4
"""Batches of 24."""


def supply(data: Path, seed: int, size: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Lay out batches without end."""
    return Street(data, seed).batches(size)


def loss_of(net: nn.Module, batch: Tensors) -> tuple[torch.Tensor, dict[str, float]]:
    """Compute the loss, its corner part, and the share of plate cells that are found."""
    pictures, target = batch
    said = net(pictures).float()
    wanted, known = target[:, 0].clamp(min=0), target[:, 0] >= 0
    plain = functional.binary_cross_entropy_with_logits(said[:, 0], wanted, reduction="none")
    sure = torch.sigmoid(said[:, 0])
    off = torch.where(wanted > 0, 1 - sure, sure)
    core = target[:, 0] > 0
    count = core.sum().clamp(min=1)
    focal = (plain * off**2)[known].sum() / count
    away = (said[:, 1:] - target[:, 1:]).permute(0, 2, 3, 1)[core]
    ways = functional.smooth_l1_loss(away, torch.zeros_like(away), beta=0.1)
    if not core.any():
        return focal, {"corners": float("nan"), "found": float("nan")}
    found = (sure[core] > 0.5).float().mean()
    return focal + 1.5 * ways, {"corners": float(ways), "found": float(found)}


def course(data: Path, batch: int | None = None) -> Course:
    """Say how the detector is taught."""
    on_gpu = device().type == "cuda"
    shown = list(islice(Street(data, MEASURE_SEED).batches(24), MEASURED))
    return Course(
        name="finder",
        net=Finder(),
        supply=supply,
        loss_of=loss_of,
        measure=partial(_measure, shown),
        batch=batch or (96 if on_gpu else 24),
        rate=4e-3 if on_gpu else 3e-3,
        seed=SEED,
        pool=1536,
    )


def _measure(shown: list[tuple[np.ndarray, ...]], net: nn.Module) -> dict[str, float]:
    """Give the share of plate cells that are found in pictures of a seed of their own."""
    on, found = next(net.parameters()).device, []
    for pictures, target in shown:
        x = torch.from_numpy(pictures).to(on).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            sure = torch.sigmoid(net(x)[:, 0]).cpu().numpy()
        core = target[:, 0] > 0
        found.append(float((sure[core] > 0.5).mean()))
    return {"drawn": round(float(np.mean(found)), 4)}
