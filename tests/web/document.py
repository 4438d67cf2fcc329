"""Reads a page strictly, with the standard library's parser, and says everything that is wrong with it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "img", "br", "hr"}
_ALLOWED_OUTSIDE_PARAGRAPHS = {"div", "section", "ul", "p", "form", "table", "h1", "h2", "details"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    text: str = ""

    @property
    def ancestors(self) -> "list[Element]":
        return [] if self.parent is None else [self.parent, *self.parent.ancestors]


@dataclass
class Document(HTMLParser):
    """``elements`` in order of the document; ``faults`` in words."""

    html: str
    elements: list[Element] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = []
        self.feed(self.html)
        self.close()
        self.faults += [f"<{element.tag}> was not closed" for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"<{tag}> has an attribute twice: {names}")
        inside = self._open[-1] if self._open else None
        element = Element(tag, {name: value or "" for name, value in attrs}, inside)
        ancestors = {ancestor.tag for ancestor in element.ancestors}
        if tag in _ALLOWED_OUTSIDE_PARAGRAPHS and "p" in ancestors:
            self.faults.append(f"<{tag}> inside <p>")
        if tag == "form" and "form" in ancestors:
            self.faults.append("<form> inside <form>")
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1].tag != tag:
            self.faults.append(f"</{tag}> closes nothing")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def posts(self) -> set[tuple[str, frozenset[str]]]:
        """Where each form posts to, and the names of its fields."""
        return {
            (
                form.attributes["action"],
                frozenset(
                    element.attributes["name"]
                    for element in self.all("input", "select", "textarea", "button")
                    if form in element.ancestors and "name" in element.attributes
                ),
            )
            for form in self.all("form")
        }
