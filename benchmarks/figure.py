"""What a benchmark returns for each thing it measured."""

from typing import TypedDict


class Figure(TypedDict):
    """``goal`` is None for what is only looked at; ``at_least`` says that more is better, else less is."""

    value: float
    goal: float | None
    met: bool
    unit: str
    at_least: bool


def figure(value: float, unit: str = "", *, goal: float | None = None, at_least: bool = False) -> Figure:
    """Hold ``value`` against its goal."""
    met = goal is None or (value >= goal if at_least else value <= goal)
    return Figure(value=round(value, 3), goal=goal, met=met, unit=unit, at_least=at_least)
