"""Any thermometer that prints a line of text a measurement, by a template of that line.

Source: the sketch `mlxtest` of Adafruit's MLX90614 library, whose line the default template is; any
other line by what the installer reads on it. 9600 8N1. Never yet seen by us on a real unit.

A line, and the template that reads it:

    Ambient = 23.45*C<TAB>Object = 36.50*C<CR><LF>
    Ambient = {ambient}*C{}Object = {object}*C

- {object}, {ambient}: degrees Celsius with up to four decimals, cut off to hundredths; both must
  be there, since a sensor whose own temperature nobody knows cannot be told to be warming
- {}: anything; all else stands for itself; blanks at both ends of the line do not count
- a line that is not so, and one longer than the template can be, is refused as a whole, to its end

There is no checksum: a value counts only when another of the two before it, at most 0.30 degrees
away, agrees. A sketch of your own should rather speak the checked lines of mcu_bridge.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.errors import OptionRefused
from drivers.framing import Refusal
from drivers.framings import Line
from drivers.thermometer import Agreement, Example, Sample, Thermometer

ADAFRUIT = "Ambient = {ambient}*C{}Object = {object}*C"
PLACES = ("{object}", "{ambient}")
NUMBER_BYTES_MAX = 12
ANYTHING_BYTES_MAX = 16
TEMPLATE_BYTES_MAX = 100
OBJECT_CENTI_C = range(-7000, 38001)
AMBIENT_CENTI_C = range(-4000, 12501)

_PARTS = re.compile(r"(\{[a-z]*\})")
_TOUCHING = re.compile(r"[0-9.+-]\{[ao]|[a-z]\}[0-9.]|\}\{")
_NUMBER = r"([+-]?[0-9]{1,4}(?:\.[0-9]{1,4})?)"


@dataclass(frozen=True, slots=True)
class Template:
    """A line's form."""

    text: str
    pattern: re.Pattern[str]
    places: tuple[str, ...]
    """The order of the two values."""

    def read_frame(self, frame: bytes) -> Sample | Refusal:
        """Read a line: length, header, range, in that order."""
        if not frame.endswith((b"\r", b"\n")):
            return Refusal.LENGTH
        line = self.pattern.fullmatch(frame.decode("latin-1").strip())
        if line is None:
            return Refusal.HEADER
        told = dict(zip(self.places, map(_centi, line.groups()), strict=True))
        sample = Sample(told["{object}"], told["{ambient}"])
        if (
            sample.object_centi_c not in OBJECT_CENTI_C
            or sample.ambient_centi_c not in AMBIENT_CENTI_C
        ):
            return Refusal.RANGE
        return sample

    def write_frame(self, sample: Sample) -> bytes:
        """Write the line."""
        text = self.text.replace("{object}", _degrees(sample.object_centi_c))
        text = text.replace("{ambient}", _degrees(sample.ambient_centi_c)).replace("{}", "\t")
        return text.encode("latin-1") + b"\r\n"


def template(text: str) -> Template:
    """Understand a template; raises OptionRefused."""
    pieces = _PARTS.split(text.strip())
    marks = tuple(piece for piece in pieces if _PARTS.fullmatch(piece))
    wrong = sorted(set(marks) - {*PLACES, "{}"})
    if wrong:
        raise OptionRefused(f"template: {wrong[0]} is none of {{object}}, {{ambient}} and {{}}")
    for place in PLACES:
        if marks.count(place) != 1:
            raise OptionRefused(f"template = {text!r}: {place} must stand in it once")
    if len(text) > TEMPLATE_BYTES_MAX or not text.isascii() or not text.isprintable():
        raise OptionRefused(
            f"template: {TEMPLATE_BYTES_MAX} printable ASCII characters at most are wanted"
        )
    if _TOUCHING.search(text):
        raise OptionRefused(
            f"template = {text!r}: a blank or a letter must stand between a value and what is next"
            " to it, or its first digits could be taken for something else"
        )
    forms = {"{}": f".{{0,{ANYTHING_BYTES_MAX}}}", PLACES[0]: _NUMBER, PLACES[1]: _NUMBER}
    pattern = re.compile("".join(forms.get(piece, re.escape(piece)) for piece in pieces))
    return Template(text.strip(), pattern, tuple(mark for mark in marks if mark in PLACES))


def _centi(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    whole, _, part = text.lstrip("+-").partition(".")
    return sign * (int(whole) * 100 + int(part[:2].ljust(2, "0")))


def _degrees(centi_c: int) -> str:
    return f"{'-' if centi_c < 0 else ''}{abs(centi_c) // 100}.{abs(centi_c) % 100:02d}"


def thermometer(form: Template) -> Thermometer:
    """Make the declaration of a line's form."""
    anything = form.text.count("{}") * ANYTHING_BYTES_MAX
    return Thermometer(
        model="ASCII line by template",
        baud=9600,
        integrity="none",
        odds=1e-5,
        framing=Line(longest=len(form.text) + 2 * NUMBER_BYTES_MAX + anything + 2),
        read_frame=form.read_frame,
        write_frame=form.write_frame,
        source="Adafruit's sketch mlxtest; the installer's own template",
        mark="S",
        agreement=Agreement(samples=2, among=3, within=30),
        options={"template": f"the line, with {{object}} and {{ambient}}, such as {ADAFRUIT!r}"},
        needed=("template",),
        configure=configure,
        variants=({"template": "{object} {ambient}"},),
        examples=(
            Example("Adafruit's sketch", _hex("Ambient = 23.45*C\tObject = 36.50*C"), READ),
            Example("computed, frost", _hex("Ambient = -2.50*C\tObject = 33.1*C"), FROST),
            Example(
                "Adafruit's sketch, its second line",
                _hex("Ambient = 74.21*F\tObject = 97.70*F"),
                Refusal.HEADER,
            ),
            Example(
                "computed, a sensor that is not there",
                _hex("Ambient = 1037.55*C\tObject = 1037.55*C"),
                Refusal.RANGE,
            ),
            Example("computed, nan", _hex("Ambient = nan*C\tObject = nan*C"), Refusal.HEADER),
        ),
    )


def configure(options: Mapping[str, str]) -> Thermometer:
    """Read lines of the installer's template."""
    return thermometer(template(options["template"]))


def _hex(text: str) -> str:
    return (text + "\r\n").encode().hex()


READ = Sample(3650, 2345)
FROST = Sample(3310, -250)

DRIVER: Thermometer = thermometer(template(ADAFRUIT))
