"""What all our servers ask of uvicorn."""

from typing import Any

import uvicorn


def configuration(app: Any, **more: Any) -> uvicorn.Config:
    """uvicorn's settings for ``app``, with ``more`` of its own.

    Only warnings, in our own form; no access log, no server header, and no proxy headers: ``web.trusted_proxies``
    decides whom to believe.
    """
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        **more,
    )
