"""An event of a kind that only a newer version knows. Here it ends a session."""

from msgspec import Struct


class SomethingNew(Struct, frozen=True, tag="something_new", tag_field="kind"):
    """Not one of the six."""

    session_id: str
