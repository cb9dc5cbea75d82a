"""The page can say whatever the core can think, and type whatever the reader can read."""

import random

import pytest

from gateway import contract
from gateway.camera.cameras import REASONS as CAMERA_REASONS
from gateway.core import decision, passage
from gateway.devices.lines import REASONS as DEVICE_REASONS
from gateway.plates import grammar
from tests.pages.stage import Stage, page_of

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser):
    with Stage() as stage, page_of(browser, 800, 480) as one:
        one.goto(stage.screen.url)
        yield one


@pytest.fixture(scope="module")
def words(page):
    return page.evaluate(
        """async () => {
          const {WORDS} = await import("/words.js");
          const shape = (x) => typeof x === "function" ? "()" : Array.isArray(x) ? x.length
            : typeof x !== "object" ? x
            : Object.fromEntries(Object.entries(x).map(([k, v]) => [k, shape(v)]));
          return shape(WORDS);
        }"""
    )


def keys(table):
    if not isinstance(table, dict):
        return table if isinstance(table, int) else None
    return {key: keys(value) for key, value in table.items()}


def test_both_languages_say_the_same_things(words):
    assert keys(words["zh"]) == keys(words["en"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_code_of_the_core_has_words(words, language):
    said = words[language]
    assert set(decision.REASONS) <= set(said["reason"])
    assert set(decision.NEXT) <= set(said["next"])
    assert set(passage.DOUBTS) == set(said["why"])
    assert set(contract.Result.__args__) <= set(said["result"])
    assert set(contract.PlateStatus.__args__) <= set(said["plate"])
    assert set(contract.AlertState.__args__) <= set(said["alert_state"])
    assert {"admit", "recheck", "refer", "waiting"} <= set(said["decision"])
    assert set(DEVICE_REASONS) - {""} <= set(said["device_reason"])
    assert set(CAMERA_REASONS) - {""} <= set(said["device_reason"])


def drawn(rng, kind):
    """A plate of a kind, by trial from its letters: the grammar decides what it is."""
    first = rng.choice(grammar.PROVINCES) + rng.choice(grammar.LETTERS)
    serial = grammar.LETTERS + grammar.DIGITS
    tails = {
        "green": [
            rng.choice("DABCEFGHJK") + rng.choice(serial) + digits(rng, 4),
            digits(rng, 5) + "D",
        ],
        "police": [some(rng, serial, 4) + "警"],
        "learner": [some(rng, serial, 4) + "学"],
        "trailer": [some(rng, serial, 4) + "挂"],
        "consulate": [digits(rng, 4) + "领"],
    }
    special = {
        "temporary": first + some(rng, serial, rng.choice([4, 5])) + rng.choice("临试超"),
        "tractor": first[0] + digits(rng, 7),
        "emergency": first[0] + rng.choice("XS") + digits(rng, 4) + "应急",
        "military": some(rng, grammar.LETTERS, 2) + digits(rng, 5),
        "armed_police": "WJ" + rng.choice([first[0], ""]) + digits(rng, 4) + rng.choice(serial),
    }
    if kind in special:
        return special[kind]
    if kind == "embassy":
        return rng.choice([digits(rng, 6) + "使", "使" + digits(rng, 6)])
    if kind == "border":
        return "粤Z" + some(rng, serial, 4) + rng.choice("港澳")
    return first + rng.choice(tails.get(kind, [some(rng, serial, 4) + digits(rng, 1)]))


def digits(rng, count):
    return some(rng, grammar.DIGITS, count)


def some(rng, letters, count):
    return "".join(rng.choice(letters) for _ in range(count))


def test_every_plate_of_the_grammar_can_be_typed(page):
    rng = random.Random(7)
    plates = [
        text
        for kind in grammar.KINDS
        for _ in range(40)
        if grammar.is_plate(text := drawn(rng, kind))
    ]
    assert {kind for text in plates for kind in grammar.kinds_of(text)} == set(grammar.KINDS)
    refused = page.evaluate(
        """async (plates) => {
          const {after} = await import("/plate.js");
          const stuck = (text) => [...text].some((key, at) => {
            return !after([...text].slice(0, at).join("")).next.has(key);
          });
          return plates.filter((text) => stuck(text) || !after(text).whole);
        }""",
        plates,
    )
    assert refused == []


@pytest.mark.parametrize(
    ("text", "whole", "next_has", "next_lacks"),
    [
        ("", False, "鲁京使W领民1", "I警港"),
        ("鲁", False, "AMO1", "I鲁"),
        ("鲁M", False, "1AZ", "IO警"),
        ("鲁M7A25", False, "8警学挂试超", "港领使IO"),
        ("粤Z7A25", False, "港澳8", "领"),
        ("鲁M7A258", True, "", "1警"),
        ("鲁MD1234", True, "5", "A警"),
        ("鲁MD12345", True, "", "6"),
        ("WJ", False, "鲁1", "A"),
        ("WJ鲁1234X", True, "", "1"),
        ("鲁1234567", True, "", "8A"),
        ("鲁X1234应", False, "急", "5"),
        ("鲁A1234", False, "临5", "应"),
        ("民航12345", True, "", "6"),
    ],
)
def test_impossible_keys_are_dead(page, text, whole, next_has, next_lacks):
    found = page.evaluate(
        """async (text) => {
          const {after} = await import("/plate.js");
          const {next, whole} = after(text);
          return {next: [...next], whole};
        }""",
        text,
    )
    assert found["whole"] is whole
    assert set(next_has) <= set(found["next"])
    assert not set(next_lacks) & set(found["next"])
