"""What a person is told about an ending that was waited for: on a page, and on the command line."""

from coatcheck.model.receipt import Receipt
from coatcheck.web.times import plural, span_in_words


def receipt_sentence(receipt: Receipt, done: str = "Ended.") -> str:
    """Say who has heard: "Ended. 3 of 3 checkers confirmed in 8 ms."

    ``done`` is what happened, as a sentence. Whoever was waited out refuses too: its lease has run out. Whoever is not
    bound may accept for a while, and until when is said.
    """
    silent, unbound = len(receipt.waited_out), len(receipt.unbound)
    confirmed = len(receipt.confirmed)
    asked = confirmed + silent + unbound
    if not asked:
        return f"{done} It holds everywhere."
    said = f"{done} {confirmed} of {plural(asked, 'checker')} confirmed in {span_in_words(receipt.took)}."
    if silent:
        said += f" {silent} did not answer; its lease has run out, so it refuses too."
    if unbound:
        until = f" until {receipt.unbound_until:%H:%M} UTC" if receipt.unbound_until is not None else " for a while"
        said += f" {unbound} could not be reached and may still accept it{until}."
    return said
