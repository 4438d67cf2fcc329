"""For FastAPI: ``install(app, auth)`` once, then ``Depends(current)``, or ``await current(request)``, in routes."""

from coatcheck.fastapi.dependencies import Guard, current, optional, require
from coatcheck.fastapi.install import install

__all__ = ["Guard", "current", "install", "optional", "require"]
