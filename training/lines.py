"""How the line net learns, and how its weights become `line.onnx` and `plate.traineddata`.

It is trained in torch (`linenet.py`), with CTC; its weights are written as ONNX for the first
reader, and as Tesseract's own file for the second (`traineddata.py`), for which none of
Tesseract's programs is needed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gateway.plates.look import SIZE
from gateway.plates.model import LINE, SECOND
from training.export import record, trained, write
from training.layouts import ONE_LINE, TWO_LINES
from training.learning import Course, Plan, Tensors, learn
from training.linenet import COLUMNS, FOUR, HEIGHT, WIDTH, Bare, LineReader
from training.recogniser import measure_by, text_of
from training.samples import Batch, Studio

SEED: Final = 6006
FIRST: Final = 0.1
"""Plates are read along the corners that a look saw: hardly any crop is as a first look has it."""
GUIDED: Final = (700, 1500)
"""Up to the first step the columns are told what stands there, as if all characters were equally
wide; from the second on CTC alone says what is right. Begun with CTC, the net says "none" for
long."""


def supply(data: Path, seed: int, size: int) -> Iterator[Batch]:
    """Draw batches without end; plates of two lines always laid side by side."""
    studio = Studio(data, seed, row=SIZE, first=FIRST)
    for pictures, places, *_ in studio.batches(size):
        yield pictures, places


def loss_of(net: nn.Module, batch: Tensors) -> tuple[torch.Tensor, dict[str, float]]:
    """Compute the loss of a batch, and the share of its plates that were read whole."""
    assert isinstance(net, LineReader)
    pictures, names = batch
    gathered = net.gathered(pictures)
    named = net.read(gathered).float()
    lengths = (names > 0).sum(1)
    begin, end = GUIDED
    free = min(1.0, max(0.0, (float(net.steps) - begin) / (end - begin)))
    net.steps += 1
    loss = named.new_zeros(())
    if free > 0:
        steps = torch.full_like(lengths, COLUMNS)
        chances = named.log_softmax(2).transpose(0, 1)
        ctc = functional.ctc_loss(chances, names, steps, lengths, zero_infinity=True)
        loss = loss + free * ctc
    if free < 1:
        wanted = spread_out(names, lengths).flatten()
        glance = net.glance(gathered).float()
        for said in (named, glance):
            told = functional.cross_entropy(said.flatten(0, 1), wanted)
            loss = loss + (1 - free) * told
    right = [said == text_of(row) for said, row in zip(texts_of(named), names, strict=True)]
    return loss, {"whole": float(np.mean(right))}


def spread_out(names: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Say for each column which character stands there if all are equally wide; 0 is none."""
    middles = (torch.arange(COLUMNS, device=names.device) + 0.5) / COLUMNS
    along = middles[None] * lengths[:, None]
    place = along.long().clamp(max=names.shape[1] - 1)
    off = (along - along.floor() - 0.5).abs()
    return torch.where(off < 0.25, names.gather(1, place), 0)


def texts_of(named: torch.Tensor) -> list[str]:
    """Give each line's likeliest text: columns that say the same are one character."""
    best = named.argmax(2)
    changed = torch.ones_like(best, dtype=torch.bool)
    changed[:, 1:] = best[:, 1:] != best[:, :-1]
    return [text_of(row[new]) for row, new in zip(best, changed, strict=True)]


def course(data: Path, batch: int | None = None) -> Course:
    """Say how the second reader is taught."""
    return Course(
        name="tesseract",
        net=LineReader(),
        supply=supply,
        loss_of=loss_of,
        measure=measure_by(data, lambda net, x: texts_of(net(x)), ONE_LINE | TWO_LINES, SIZE),
        batch=batch or 32,
        rate=6e-3,
        seed=SEED,
        pool=8192,
        restore=take_back,
    )


def take_back(net: nn.Module, file: Path, shown: torch.Tensor) -> list[str]:
    """Take the weights of a traineddata back; nothing begins anew."""
    assert isinstance(net, LineReader)
    net.take_back(file.read_bytes(), shown)
    return []


def train_lines(plan: Plan, out: Path, batch: int | None) -> bool:
    """Train until the last step or the end of the slice; write the file; say whether it is done."""
    done = learn(course(plan.data, batch), plan)
    export_lines(plan.work, out)
    return done


def export_lines(work: Path, out: Path) -> None:
    """Write what WORK holds in both forms, with their checksums in the list."""
    net = trained(work / "tesseract.pt", LineReader())
    assert isinstance(net, LineReader)
    out.mkdir(parents=True, exist_ok=True)
    (out / SECOND).write_bytes(net.written())
    write(Bare(net).eval(), out / LINE, (FOUR, HEIGHT // 2, WIDTH // 2))
    record(out, SECOND, LINE)
