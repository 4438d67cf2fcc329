"""A receipt in words."""

from datetime import UTC, datetime, timedelta

from coatcheck.model.position import Epoch, Position
from coatcheck.model.receipt import Receipt
from coatcheck.web.receipts import receipt_sentence


def _receipt(confirmed: int, waited_out: int = 0, unbound: int = 0, until: datetime | None = None) -> Receipt:
    return Receipt(
        position=Position(epoch=Epoch(1, "a"), seq=1),
        confirmed=tuple("abc"[:confirmed]),
        waited_out=tuple("def"[:waited_out]),
        unbound=tuple("ghi"[:unbound]),
        unbound_until=until,
        took=timedelta(milliseconds=8),
    )


def test_a_receipt_counts_who_confirmed_and_how_long_it_took() -> None:
    assert receipt_sentence(_receipt(3)) == "Ended. 3 of 3 checkers confirmed in 8 ms."
    assert receipt_sentence(_receipt(1), "2 devices were logged out.") == (
        "2 devices were logged out. 1 of 1 checker confirmed in 8 ms."
    )


def test_a_receipt_without_checkers_is_plain() -> None:
    assert receipt_sentence(_receipt(0)) == "Ended. It holds everywhere."


def test_a_receipt_names_who_was_waited_out_and_who_is_not_bound() -> None:
    until = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
    assert receipt_sentence(_receipt(1, 1, 1, until)) == (
        "Ended. 1 of 3 checkers confirmed in 8 ms. 1 did not answer; its lease has run out, so it refuses too."
        " 1 could not be reached and may still accept it until 10:05 UTC."
    )
