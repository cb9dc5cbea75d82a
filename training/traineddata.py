"""Write a net's weights and its alphabet as Tesseract's own file, a traineddata.

Pure: numbers in, bytes out. The layout is that of Tesseract 5.3 (src/lstm, src/ccutil), little-
endian. A file is a count of 24, as many places (eight bytes each, -1 for a part that is missing),
and the parts. Ours are the net, the characters (a text of lines), their codes, and a version.

Each layer of the net opens with

    00 TYPE training backward flags inputs outputs weights NAME

where TYPE and NAME are a count of four bytes and so many characters, `training` and `backward` one
byte, the rest four. What follows is the layer's own:

    Input                     batch height width depth loss
    Convolve                  half its width, half its height
    Maxpool, Reconfig         how many columns and rows become one
    Series, ParBidiLSTM       a count, and so many layers
    RTLReversed               a count of one, and a layer
    LSTM                      its inputs and states; weights of its four gates
    LinLogistic, Softmax      weights

Weights are a row an output, its bias last: bytes, each row with a scale of its own.

    81 rows columns 00 bytes... rows scales...

Behind the net stand its words, the flags, two counts, the null's code, and three rates of training.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]

INT8: Final = 0x81
"""Of weights: bytes, and scales in double precision."""
BYTE_MAX: Final = 127
INT_MODE: Final = 1
RECODING: Final = 64
METRICS: Final = "0,255,0,255,0,0,0,0,0,0"
"""Of characters whose places in a line nobody measured."""
SPECIAL: Final = (
    "NULL 0 Common 0",
    f"Joined 7 {METRICS} Common 1 0 1 Joined",
    f"|Broken|0|1 15 {METRICS} Common 2 10 2 |Broken|0|1",
)
"""Characters that Tesseract itself counts on: a space, two joined, a broken one."""
NULL_CODE: Final = 2
"""The broken one stands for none."""
ALPHA: Final = 1
UPPER: Final = 5
DIGIT: Final = 8
PARTS: Final = 24
LSTM: Final = 17
CHARACTERS: Final = 21
CODES: Final = 22
VERSION: Final = 23
MISSING: Final = -1
GATES: Final = 4


def whole(net: bytes, characters: str) -> bytes:
    """Give the whole file: a net of `outputs(characters)` codes, and what they stand for."""
    parts = {
        LSTM: net,
        CHARACTERS: unicharset(characters).encode(),
        CODES: recoder(outputs(characters)),
        VERSION: b"5.3.0",
    }
    place, places = 4 + 8 * PARTS, [MISSING] * PARTS
    for number, part in parts.items():
        places[number] = place
        place += len(part)
    return struct.pack(f"<i{PARTS}q", PARTS, *places) + b"".join(parts.values())


def outputs(characters: str) -> int:
    """Count the codes."""
    return len(SPECIAL) + len(characters)


def codes(characters: str) -> list[int]:
    """Give the code of "none" and of each character."""
    return [NULL_CODE, *range(len(SPECIAL), outputs(characters))]


def unicharset(characters: str) -> str:
    """List the characters. None is called Chinese, or each would be a word of its own."""
    lines = [str(outputs(characters)), *SPECIAL]
    for code, character in enumerate(characters, len(SPECIAL)):
        kind = DIGIT if character.isdigit() else UPPER if character.isascii() else ALPHA
        lines.append(f"{character} {kind} {METRICS} Common {code} 0 {code} {character}")
    return "\n".join(lines) + "\n"


def recoder(count: int) -> bytes:
    """Give each character the one code that is its number."""
    return struct.pack("<I", count) + b"".join(
        struct.pack("<bii", 1, 1, code) for code in range(count)
    )


def layer(kind: str, inputs: int, outputs: int, own: bytes, weights: int = 0) -> bytes:
    """Give a layer: its head, and what is its own."""
    head = struct.pack("<bbiiii", 0, 0, 0, inputs, outputs, weights)
    return b"\0" + _text(kind) + head + _text(kind) + own


def weight_rows(rows: Numbers) -> bytes:
    """Give weights as bytes, each row in units of its own largest one."""
    scales = np.abs(rows).max(axis=1).astype(np.float64) / BYTE_MAX
    steps = np.round(rows / np.where(scales == 0, 1, scales)[:, None]).astype(np.int8)
    head = struct.pack("<Biib", INT8, *rows.shape, 0)
    return head + steps.tobytes() + struct.pack("<I", len(scales)) + scales.tobytes()


def picture(width: int, height: int, depth: int) -> bytes:
    """Give the layer that takes the picture in, of any width when that is 0."""
    return layer("Input", height, depth, struct.pack("<5i", 1, height, width, depth, 0))


def full(kind: str, rows: Numbers) -> bytes:
    """Give a layer whose outputs see all inputs: LinLogistic or Softmax."""
    outputs, inputs = rows.shape[0], rows.shape[1] - 1
    return layer(kind, inputs, outputs, weight_rows(rows), rows.size)


def convolution(rows: Numbers, depth: int) -> bytes:
    """Give a 3 x 3 convolution: the nine neighbours side by side, column by column, then rows."""
    around = layer("Convolve", depth, 9 * depth, struct.pack("<ii", 1, 1))
    return stack("Series", (around, full("LinLogistic", rows)), depth, rows.shape[0])


def pool(depth: int, columns: int, rows: int) -> bytes:
    """Give a layer that keeps the largest of so many columns and rows."""
    return layer("Maxpool", depth, depth, struct.pack("<ii", columns, rows))


def packed(depth: int, columns: int, rows: int) -> bytes:
    """Give a layer that lays so many columns and rows one behind the other, column by column."""
    own = struct.pack("<ii", columns, rows)
    return layer("Reconfig", depth, depth * columns * rows, own)


def stack(kind: str, layers: Sequence[bytes], inputs: int, outputs: int) -> bytes:
    """Give layers one after another, or side by side."""
    return layer(kind, inputs, outputs, struct.pack("<I", len(layers)) + b"".join(layers))


def both_ways(forth: Sequence[Numbers], back: Sequence[Numbers]) -> bytes:
    """Give an LSTM that reads from the left beside one that reads from the right."""
    states = len(forth[0])
    inputs = forth[0].shape[1] - 1 - states
    one, other = (_memory(gates, inputs, states) for gates in (forth, back))
    turned = stack("RTLReversed", (other,), inputs, states)
    return stack("ParBidiLSTM", (one, turned), inputs, 2 * states)


def _memory(gates: Sequence[Numbers], inputs: int, states: int) -> bytes:
    """Give an LSTM of gates in Tesseract's order: what comes in, in, forget, out."""
    assert len(gates) == GATES
    own = struct.pack("<i", inputs + states) + b"".join(weight_rows(each) for each in gates)
    return layer("LSTM", inputs, states, own, sum(each.size for each in gates))


def recogniser(net: bytes, words: str) -> bytes:
    """Give the net's whole part; the characters and codes are parts of their own."""
    counts = struct.pack("<iiii", INT_MODE | RECODING, 0, 0, NULL_CODE)
    return net + _text(words) + counts + struct.pack("<fff", 0.999, 0.001, 0.5)


def _text(words: str) -> bytes:
    content = words.encode()
    return struct.pack("<I", len(content)) + content


def tables_of(content: bytes) -> list[Numbers]:
    """Read every table of weights of a file that was written here, in its order."""
    _, *places = struct.unpack_from(f"<i{PARTS}q", content)
    return list(_tables(io.BytesIO(content[places[LSTM] :])))


def _tables(source: io.BytesIO) -> Iterator[Numbers]:
    source.read(1)
    kind = _taken_text(source)
    source.read(18)
    _taken_text(source)
    match kind:
        case "Input":
            source.read(20)
        case "Convolve" | "Maxpool" | "Reconfig":
            source.read(8)
        case "Series" | "ParBidiLSTM" | "RTLReversed":
            for _ in range(_taken(source, "<I")[0]):
                yield from _tables(source)
        case "LSTM":
            source.read(4)
            for _ in range(GATES):
                yield _table(source)
        case _:
            yield _table(source)


def _table(source: io.BytesIO) -> Numbers:
    _, rows, columns, _ = _taken(source, "<Biib")
    steps = np.frombuffer(source.read(rows * columns), np.int8).reshape(rows, columns)
    scales = np.frombuffer(source.read(8 * _taken(source, "<I")[0]), np.float64)
    return np.asarray(steps * scales[:, None], np.float32)


def _taken(source: io.BytesIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, source.read(struct.calcsize(form)))


def _taken_text(source: io.BytesIO) -> str:
    return source.read(_taken(source, "<I")[0]).decode()


class Dice:
    """C++'s minstd_rand: what Tesseract sees beyond a picture's edges, the same for each line."""

    MODULUS: Final = 2**31 - 1
    FACTOR: Final = 48271

    def __init__(self) -> None:
        self._state = 1
        self._throw()

    def throws(self, count: int) -> Numbers:
        """Give numbers from -1 to 1, in a byte's steps."""
        thrown = np.array([self._throw() for _ in range(count)])
        wide = BYTE_MAX * (2.0 * thrown / self.MODULUS - 1)
        return (np.sign(wide) * np.floor(np.abs(wide) + 0.5) / BYTE_MAX).astype(np.float32)

    def _throw(self) -> int:
        self._state = self._state * self.FACTOR % self.MODULUS
        return self._state


def beyond(width: int, height: int, depth: int, dice: Dice) -> tuple[NDArray[np.int64], Numbers]:
    """Give the places at a picture's edges, and what a 3 x 3 convolution sees there from beyond.

    In the order that `convolution` wants; what lies within the picture is 0.
    """
    places, seen = [], []
    for y in range(height):
        for x in range(width):
            around = np.zeros((3, 3, depth), np.float32)
            for column in range(3):
                if not 0 <= x + column - 1 < width:
                    around[column] = dice.throws(3 * depth).reshape(3, depth)
                    continue
                for row in range(3):
                    if not 0 <= y + row - 1 < height:
                        around[column, row] = dice.throws(depth)
            if around.any():
                places.append(y * width + x)
                seen.append(around.ravel())
    return np.array(places), np.array(seen)
