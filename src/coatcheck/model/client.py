"""Who is asking, before anybody has said who they are."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: ``address`` for limits and the device list, ``device`` as the person or the browser
    names it, ``device_token`` a known device's proof."""

    address: str = ""
    device: str = ""
    device_token: str | None = field(default=None, repr=False)
