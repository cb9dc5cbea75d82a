"""docs/asyncapi.yaml says what the contract says."""

from tests.contract import asyncapi


def test_the_document_is_as_the_contract():
    assert asyncapi.TARGET.read_text(encoding="utf-8") == asyncapi.text(), (
        "run python -m tests.contract.asyncapi"
    )


def test_every_word_of_a_gate_has_a_channel():
    found = {one["address"] for one in asyncapi.describe()["channels"].values()}
    words = ("entries", "alert", "hello", "status", "health", "ack", "command")
    for word in words:
        assert f"gatepost/v1/gate/{{compound}}/{{gate}}/{word}" in found
