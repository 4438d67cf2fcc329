"""WHAT DOES A BROWSER SEE?  The ASGI app: JSON API, pages, templates, static files."""
