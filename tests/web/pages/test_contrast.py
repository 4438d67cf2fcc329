"""The colours of the style sheet can be read, in light and in dark (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from importlib.resources import files

import pytest

CSS = files("coatcheck.web").joinpath("static", "coatcheck.css").read_text()
TEXT = [
    *[(text, ground) for text in ("text", "muted", "accent", "accent-strong") for ground in ("ground", "surface")],
    ("text", "sunken"),
    ("text", "line"),
    ("bad", "surface"),
    ("bad", "bad-ground"),
    ("bad-strong", "surface"),
    ("good", "good-ground"),
    ("good-ground", "good"),
    ("strong", "strong-ground"),
    ("strong-ground", "strong"),
    ("bad-ground", "bad"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-bad", "bad"),
    ("on-bad", "bad-strong"),
]
EDGES = [("edge", "surface"), ("edge", "ground"), ("focus", "surface"), ("focus", "ground"), ("bad", "surface")]


def _palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))


LIGHT, DARK = (_palette(block) for block in re.findall(r":root \{(.*?)\}", CSS, re.DOTALL))


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_measure_itself_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_stands_out_from_its_ground(palette: dict[str, str], text: str, ground: str) -> None:
    assert contrast(palette[text], palette[ground]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_edges_of_controls_and_the_focus_stand_out(palette: dict[str, str], edge: str, ground: str) -> None:
    assert contrast(palette[edge], palette[ground]) >= 3


def test_both_palettes_name_the_same_colours_and_nothing_else_names_one() -> None:
    assert LIGHT.keys() == DARK.keys()
    rules = re.sub(r":root \{.*?\}", "", CSS, flags=re.DOTALL)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", rules) == []
    assert set(re.findall(r"var\(--([a-z-]+)\)", rules)) - {"shadow", "radius"} == LIGHT.keys()


def test_the_style_sheet_fetches_nothing() -> None:
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_the_mark_holds_no_script_and_no_style() -> None:
    mark = files("coatcheck.web").joinpath("static", "mark.svg").read_text()
    assert not re.search(r"<script|<style|style=|\son\w+=|href", mark)
