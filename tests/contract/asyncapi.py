"""Write docs/asyncapi.yaml from the contract: `python -m tests.contract.asyncapi`.

The document is AsyncAPI 3.0; its schemas are msgspec's own of the structs that both ends decode.
"""

import sys
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway import contract as c

TARGET = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
GATE = {"compound": "compound", "gate": "gate"}
PARAMETERS = {
    "compound": "Name of a compound, as its gates' settings have it.",
    "gate": "Name of a gate within its compound.",
    "scope": "`total`, `office/ID`, `compound/ID` or `gate/COMPOUND/GATE`.",
    "alert": "Name of the alert at its gate.",
}
CHANNELS: tuple[tuple[str, str, Any, bool, str], ...] = (
    ("entries", "gate/{compound}/{gate}/entries", list[c.Entry], False,
     "1 to 200 entries of one stream, in order."),
    ("alert", "gate/{compound}/{gate}/alert", c.Entry, False,
     "An alert's entry, byte for byte, sent before its turn."),
    ("hello", "gate/{compound}/{gate}/hello", c.Hello, False,
     "What a gate holds above `safe`, and what it no longer holds."),
    ("status", "gate/{compound}/{gate}/status", c.Status, True, "A gate's birth and last will."),
    ("health", "gate/{compound}/{gate}/health", c.Health, True, "How a gate fares."),
    ("ack", "gate/{compound}/{gate}/ack", c.Ack, False, "How far central has come, by stream."),
    ("command", "gate/{compound}/{gate}/command", c.Command, False, "Central asks a gate."),
    ("centralStatus", "central/status", c.Status, True, "Central's birth and last will."),
    ("feedNow", "feed/{scope}/now", c.FeedNow, True, "Today so far."),
    ("feedHours", "feed/{scope}/hours", c.FeedHours, True, "Today by hour."),
    ("feedDays", "feed/{scope}/days", c.FeedDays, True, "The last 14 days."),
    ("feedAlarm", "feed/alarm/{compound}/{gate}/{alert}", c.FeedAlarm, True,
     "One open alarm; emptied when it closes."),
)  # fmt: skip


def describe() -> dict[str, Any]:
    """Build the document."""
    types = [shape for _, _, shape, _, _ in CHANNELS] + list(c.KINDS.values())
    schemas, components = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    for component in components.values():  # From Python 3.13 on docstrings come without indents.
        component["description"] = cleandoc(component["description"])
    bodies = dict(zip(c.KINDS, schemas[len(CHANNELS) :], strict=True))
    channels, operations, messages = {}, {}, {}
    for (name, address, _, retained, words), schema in zip(CHANNELS, schemas, strict=False):
        messages[name] = {"summary": words, "contentType": "application/json", "payload": schema}
        channels[name] = {
            "address": f"{c.ROOT}/{address}",
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "parameters": {
                word: {"description": PARAMETERS[word]}
                for word in PARAMETERS
                if f"{{{word}}}" in address
            },
        }
        operations[f"publish_{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "bindings": {"mqtt": {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Gatepost",
            "version": str(c.VERSION),
            "description": "What travels between gates, the centre and those who watch. "
            "Unknown fields are to be ignored; a later `v` is kept and said, never guessed.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": components,
        },
        "x-entry-bodies": bodies,
    }


def text() -> str:
    """Give the document as it stands in docs/."""
    head = "# Written by `python -m tests.contract.asyncapi` from gateway/contract/.\n"
    return head + yaml.safe_dump(describe(), allow_unicode=True, sort_keys=False, width=100)


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(CHANNELS)} channels, {len(c.KINDS)} bodies\n")
