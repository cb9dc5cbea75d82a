"""The nets' graphs, in torch.

The recogniser: eight slots look at a crop, each for one place of the plate.

Input: N x 3 x 48 x 168, BGR, 0 to 1. Outputs: `places` N x 8 x classes (logits, class 0 is
"none"), `corners` N x 8 (x, y of the plate's corners, clockwise from the top left, in crop
lengths), `colour` N x 5 (logits of blue, yellow, green, white, black) and `lines` N x 1 (a logit:
the plate has two lines). The net for two lines is another such, of rows of 252 columns; nobody asks
it for corners or lines.
"""

from typing import Final

import torch
from torch import nn

from gateway.plates.alphabet import COLOURS, NEWEST
from gateway.plates.grammar import PLACES_MAX
from gateway.plates.look import SIZE

WIDTH, HEIGHT = SIZE
WIDTHS: Final = {"small": (24, 48, 64), "large": (32, 64, 96)}
"""Channels of the recogniser's three stages: 0.3 and 0.6 million parameters."""


def block(inside: int, outside: int, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    """Convolve, normalise, cut at zero."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


class Far(nn.Module):
    """Let places far apart in a row know of each other: a wide, cheap filter, added on."""

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        narrow = channels // 2
        self.mix = nn.Sequential(
            nn.Conv2d(channels, narrow, 1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, narrow, (1, reach), padding=(0, reach // 2), bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what is far."""
        return torch.relu(x + self.mix(x))


class Recogniser(nn.Module):
    """The net; small enough to train on a CPU and to run on a Pi."""

    def __init__(self, size: str = "small", wide: int = WIDTH) -> None:
        super().__init__()
        first, second, third = WIDTHS[size]
        classes = len(NEWEST.classes)
        self.features = nn.Sequential(
            block(3, first, 2), block(first, first),
            block(first, second, 2), block(second, second),
            block(second, third, (2, 1)), block(third, third), Far(third, 11),
            block(third, third), Far(third, 15),
        )  # fmt: skip
        self.where = nn.Parameter(torch.randn(1, third, HEIGHT // 8, wide // 4) * 0.02)
        self.look = nn.Sequential(block(third, 32), nn.Conv2d(32, PLACES_MAX, 1))
        self.what = nn.Conv2d(third, 192, 1)
        self.name = nn.Linear(192, classes)
        self.habit = nn.Parameter(torch.zeros(1, PLACES_MAX, classes))
        self.shape = nn.Sequential(
            block(third, 24, (2, 3)), nn.Flatten(), nn.Linear(24 * 3 * (wide // 12), 48),
            nn.ReLU(inplace=True),
        )  # fmt: skip
        self.corners = nn.Linear(48, 8)
        self.colour = nn.Linear(48, len(COLOURS))
        self.lines = nn.Linear(48, 1)
        with torch.no_grad():
            self.corners.weight.mul_(0.1)
            self.corners.bias.copy_(torch.tensor([0.05, 0.1, 0.95, 0.1, 0.95, 0.9, 0.05, 0.9]))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Look, gather, name."""
        seen = self.features(x - 0.5)
        placed = seen + self.where
        share = torch.softmax(self.look(placed).flatten(2), dim=2)
        gathered = torch.matmul(share, self.what(placed).flatten(2).transpose(1, 2))
        places = self.name(torch.relu(gathered)) + self.habit
        shape = self.shape(seen)
        return places, self.corners(shape), self.colour(shape), self.lines(shape)


class Finder(nn.Module):
    """The detector's graph: where plates are, each with its four corners.

    Input: N x 3 x H x W, BGR, 0 to 1, sides of multiples of 16. Output: N x 9 x H/8 x W/8: how
    likely the cell lies within a plate (a logit), then the way from the cell's middle to the
    plate's corners, x and y clockwise from the top left, in units of STEP pixels.
    """

    STRIDE = 8
    STEP = 16.0

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            block(3, 12, 2), block(12, 24, 2), block(24, 24), block(24, 48, 2)
        )
        self.coarse = nn.Sequential(block(48, 64, 2), block(64, 64), Far(64, 7), block(64, 64))
        self.lift = nn.Sequential(nn.Conv2d(64, 48, 1), nn.Upsample(scale_factor=2.0))
        self.both = block(48, 48)
        self.out = nn.Conv2d(48, 9, 1)
        with torch.no_grad():
            self.out.bias.zero_()
            self.out.bias[0] = -4.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Look finely and coarsely, then say."""
        fine = self.fine(x - 0.5)
        found: torch.Tensor = self.out(self.both(fine + self.lift(self.coarse(fine))))
        return found
