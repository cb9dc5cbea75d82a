"""The second reader's graph, in torch, of nothing but what Tesseract's own networks are made of.

Input: N x 3 x 48 x 168, BGR, 0 to 1. Output: N x 42 x (1 + characters), logits of each column of
four pixels; class 0 is "none", as CTC has it.

Everything between layers lies within 0 and 1 (the LSTM's within -1 and 1): Tesseract keeps it in
bytes. Beyond a picture's edges it sees dice, the same for each line, and so does this net.
"""

from typing import Final

import numpy as np
import torch
from torch import nn

from gateway.plates.alphabet import NEWEST
from gateway.plates.look import LEVEL, MIDDLE, SIZE, SPREAD_MIN
from training import traineddata as written
from training.traineddata import Dice, Numbers

WIDTH, HEIGHT = SIZE
COLUMNS: Final = WIDTH // 4
FOUR: Final = 12
"""Numbers of four pixels, which the first convolution takes as one place."""
CHANNELS: Final = (24, 48, 64, 64)
POOLS: Final = ((2, 2), (1, 2), (1, 1), (1, 1))
"""Columns and rows that become one after each convolution."""
FEATURES: Final = 96
STATES: Final = 80
WORDS: Final = (
    f"[1,{HEIGHT},0,3 S2,2 Cp3,3,24 Mp2,2 Cp3,3,48 Mp2,1 Cp3,3,64 Cp3,3,64 S6,1 Cp1,1,{FEATURES} "
    f"Lbx{STATES} O1c{{outputs}}]"
)
LEARNT: Final = 1e6
"""Steps of a net that was taken back: it is past every beginning."""
NEVER: Final = -20.0
"""The logit of codes that stand for no character of a plate."""


class Convolution(nn.Module):
    """Convolve, normalise, cut at 0 and 1; at the edges with Tesseract's dice."""

    def __init__(self, size: tuple[int, int], depth: int, outputs: int, dice: Dice) -> None:
        super().__init__()
        self.conv = nn.Conv2d(depth, outputs, 3, 1, 1, bias=False)
        self.norm = normalisation(nn.BatchNorm2d(outputs))
        places, seen = written.beyond(*size, depth, dice)
        # From columns, rows, channels to torch's channels, rows, columns.
        seen = seen.reshape(-1, 3, 3, depth).transpose(0, 3, 2, 1).reshape(len(places), -1)
        self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.register_buffer("seen", torch.from_numpy(seen.copy()), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Look at each place's neighbours."""
        return self.norm(self.plain(x)).clamp(0, 1)

    def plain(self, x: torch.Tensor) -> torch.Tensor:
        """Look at each place's neighbours, and no more."""
        own: torch.Tensor = self.conv(x)
        edge = (self.seen @ self.conv.weight.flatten(1).T).T.to(own)
        bare = own.new_zeros(own.shape[1], own.shape[2] * own.shape[3])
        return own + bare.index_copy(1, self.places, edge).view(own.shape[1:])

    def rows(self) -> Numbers:
        """Give the weights, with the normalisation in them, as Tesseract wants them."""
        return folded(self.conv.weight.permute(0, 3, 2, 1).flatten(1), self.norm)

    def take_back(self, rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Take such rows back, and give what the layer makes of pictures."""
        depth = self.conv.in_channels
        self.conv.weight.copy_(rows[:, :-1].reshape(-1, 3, 3, depth).permute(0, 3, 2, 1))
        plain = self.plain(x)
        unfold(self.norm, plain, rows[:, -1])
        return (plain + rows[:, -1].view(1, -1, 1, 1)).clamp(0, 1)


class LineReader(nn.Module):
    """The net."""

    def __init__(self) -> None:
        super().__init__()
        dice, depth, width, height = Dice(), FOUR, WIDTH // 2, HEIGHT // 2
        self.looks = nn.ModuleList()
        for channels, (columns, rows) in zip(CHANNELS, POOLS, strict=True):
            self.looks.append(Convolution((width, height), depth, channels, dice))
            depth, width, height = channels, width // columns, height // rows
        self.gather = nn.Linear(depth * height, FEATURES, bias=False)
        self.norm = normalisation(nn.BatchNorm1d(FEATURES))
        self.memory = nn.LSTM(FEATURES, STATES, batch_first=True, bidirectional=True)
        self.name = nn.Linear(2 * STATES, len(NEWEST.classes))
        self.glance = nn.Linear(FEATURES, len(NEWEST.classes))
        """Names each column by itself: it teaches what comes before, and is not written."""
        self.register_buffer("steps", torch.zeros(()))
        with torch.no_grad():
            for name, value in self.memory.named_parameters():
                if name.startswith("weight"):
                    value.mul_(2)
                elif name.startswith("bias_ih"):
                    value[STATES : 2 * STATES] += 0.5  # It forgets less at first.

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Look, gather each column, read both ways, name."""
        return self.read(self.gathered(x))

    def gathered(self, x: torch.Tensor) -> torch.Tensor:
        """Give what is seen in each column."""
        seen = by_fours(levelled(x))
        for look, pool in zip(self.looks, POOLS, strict=True):
            seen = pooled(look(seen), pool)
        return self.gathered_of(seen)

    def gathered_of(self, seen: torch.Tensor) -> torch.Tensor:
        """Give the same of what the convolutions saw."""
        columns = seen.permute(0, 3, 2, 1).flatten(2)
        normal: torch.Tensor = self.norm(self.gather(columns).transpose(1, 2))
        return normal.clamp(0, 1).transpose(1, 2)

    def read(self, gathered: torch.Tensor) -> torch.Tensor:
        """Name each column, knowing of those beside it."""
        named: torch.Tensor = self.name(self.memory(gathered)[0])
        return named

    def written(self) -> bytes:
        """Give the net as Tesseract's own file."""
        depth, layers = FOUR, [written.picture(0, HEIGHT, 3), written.packed(3, 2, 2)]
        for look, (columns, rows) in zip(self.looks, POOLS, strict=True):
            layers.append(written.convolution(look.rows(), depth))
            depth = look.conv.out_channels
            if columns * rows > 1:
                layers.append(written.pool(depth, columns, rows))
        layers.append(written.packed(depth, 1, self.gather.in_features // depth))
        layers.append(written.full("LinLogistic", folded(self.gather.weight, self.norm)))
        layers.append(written.both_ways(self._gates(""), self._gates("_reverse")))
        layers.append(written.full("Softmax", self._names()))
        outputs = written.outputs(NEWEST.characters)
        net = written.stack("Series", layers, HEIGHT, outputs)
        part = written.recogniser(net, WORDS.format(outputs=outputs))
        return written.whole(part, NEWEST.characters)

    def take_back(self, content: bytes, shown: torch.Tensor) -> None:
        """Take the weights of a file back; pictures show what its normalisations normalise."""
        tables = [torch.from_numpy(each) for each in written.tables_of(content)]
        looks, gather = tables[: len(CHANNELS)], tables[len(CHANNELS)]
        *gates, names = tables[len(CHANNELS) + 1 :]
        with torch.no_grad():
            seen = by_fours(levelled(shown))
            for look, pool, rows in zip(self.looks, POOLS, looks, strict=True):
                seen = pooled(look.take_back(rows, seen), pool)
            columns = seen.permute(0, 3, 2, 1).flatten(2)
            self.gather.weight.copy_(gather[:, :-1])
            unfold(self.norm, self.gather(columns).transpose(1, 2), gather[:, -1])
            for way, own in (("", gates[: written.GATES]), ("_reverse", gates[written.GATES :])):
                comes, into, forget, out = own
                rows = torch.cat([into, forget, comes, out])
                getattr(self.memory, f"weight_ih_l0{way}").copy_(rows[:, :FEATURES])
                getattr(self.memory, f"weight_hh_l0{way}").copy_(rows[:, FEATURES:-1])
                getattr(self.memory, f"bias_ih_l0{way}").copy_(rows[:, -1])
                getattr(self.memory, f"bias_hh_l0{way}").zero_()
            names = names[written.codes(NEWEST.characters)]
            self.name.weight.copy_(names[:, :-1])
            self.name.bias.copy_(names[:, -1])
            self.steps.fill_(LEARNT)

    def _gates(self, way: str) -> list[Numbers]:
        own = {name: each.detach().numpy() for name, each in self.memory.named_parameters()}
        bias = own[f"bias_ih_l0{way}"] + own[f"bias_hh_l0{way}"]
        rows = np.hstack([own[f"weight_ih_l0{way}"], own[f"weight_hh_l0{way}"], bias[:, None]])
        into, forget, comes, out = np.split(rows, written.GATES)
        return [comes, into, forget, out]

    def _names(self) -> Numbers:
        count = written.outputs(NEWEST.characters)
        rows = np.zeros((count, self.name.in_features + 1), np.float32)
        rows[:, -1] = NEVER
        weight, bias = (each.detach().numpy() for each in (self.name.weight, self.name.bias))
        rows[written.codes(NEWEST.characters)] = np.hstack([weight, bias[:, None]])
        return rows


class Bare(nn.Module):
    """The net as a gate runs it: without its dice, which are the same for every line."""

    def __init__(self, whole: LineReader) -> None:
        super().__init__()
        self.whole = whole
        seen = torch.zeros(1, FOUR, HEIGHT // 2, WIDTH // 2)
        self.edges: list[torch.Tensor] = []
        with torch.no_grad():
            for look, pool in zip(whole.looks, POOLS, strict=True):
                self.edges.append(look.plain(seen) - look.conv(seen))
                seen = pooled(look(seen), pool)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """Name the columns of a picture of one light that lies by fours."""
        for look, pool, edge in zip(self.whole.looks, POOLS, self.edges, strict=True):
            seen = pooled(look.norm(look.conv(seen) + edge).clamp(0, 1), pool)
        return self.whole.read(self.whole.gathered_of(seen))


def normalisation(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.BatchNorm1d | nn.BatchNorm2d:
    """Begin with values of which most lie between 0 and 1."""
    nn.init.constant_(norm.weight, 0.3)
    nn.init.constant_(norm.bias, 0.2)
    return norm


def folded(weight: torch.Tensor, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Numbers:
    """Give weights with a normalisation in them, its bias last."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = norm.bias - norm.running_mean * scale
    rows = torch.cat([weight * scale[:, None], bias[:, None]], dim=1)
    return np.asarray(rows.detach().numpy(), np.float32)


def unfold(norm: nn.BatchNorm1d | nn.BatchNorm2d, plain: torch.Tensor, bias: torch.Tensor) -> None:
    """Set a normalisation so that it adds a bias to what it is shown, and does nothing else."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    flat = plain.transpose(0, 1).flatten(1)
    norm.running_mean.copy_(flat.mean(1))
    norm.running_var.copy_(flat.var(1))
    norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
    norm.bias.copy_(bias + norm.running_mean)


def pooled(x: torch.Tensor, pool: tuple[int, int]) -> torch.Tensor:
    """Keep the largest of so many columns and rows."""
    columns, rows = pool
    return nn.functional.max_pool2d(x, (rows, columns)) if columns * rows > 1 else x


def levelled(x: torch.Tensor) -> torch.Tensor:
    """Give each picture the same light, as the reader does; -1 to 1."""
    mean = x.mean((1, 2, 3), keepdim=True)
    spread = x.std((1, 2, 3), keepdim=True).clamp(min=SPREAD_MIN / 255)
    return (((x - mean) * (LEVEL / spread) + MIDDLE) / 127.5 - 1).clamp(-1, 1)


def by_fours(x: torch.Tensor) -> torch.Tensor:
    """Lay four pixels behind one another: columns, then rows, then colours from red."""
    count, depth, height, width = x.shape
    apart = x.flip(1).reshape(count, depth, height // 2, 2, width // 2, 2)
    return apart.permute(0, 5, 3, 1, 2, 4).reshape(count, 4 * depth, height // 2, width // 2)
