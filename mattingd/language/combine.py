"""Wishes -> a preset and settings that go together; what contradicts something else is named instead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mattingd.domain.presets import BUILT_IN, DEEP_FORMATS, DEFAULT, SIZED_FORMATS, Preset
from mattingd.domain.units import canvas_of
from mattingd.language.colour_phrases import Colour
from mattingd.language.rules import UNCLEAR, Wish

Unclear = tuple[str, str]
"""A phrase, and the code of a reason in `wording.REASONS`."""
_ORDER = {item.name: number for number, item in enumerate(fields(Preset))}
_PLAIN = frozenset(_ORDER) - {
    "background",
    "canvas",
    "format",
    "bits",
    "max_kb",
    "fill",
    "min_side",
    "quality",
}
"""Settings that go with everything."""
MM_PER_INCH = 25.4
LEAST_KB, BEST = 5, 100
"""Bounds of `max_kb` and `quality`: a format is chosen for what can be had only."""
_EDGE = ("threshold", "feather", "specks")
"""What `hair` and `complex` lend to another preset."""


@dataclass(slots=True)
class _Plan:
    """What has been settled so far."""

    presets: Mapping[str, Preset]
    wishes: dict[str, Wish]
    preset: str = DEFAULT
    settings: dict[str, Any] = field(default_factory=dict)
    unclear: list[Unclear] = field(default_factory=list)

    def now(self, name: str) -> Any:
        """A setting as it stands: changed, or the preset's."""
        return self.settings.get(name, getattr(self.presets[self.preset], name))

    def wished(self, name: str) -> Any:
        """What is wished for ``name``; None for nothing."""
        return self.wishes[name].value if name in self.wishes else None

    def cannot(self, name: str, reason: str) -> None:
        """Note that a wish cannot be fulfilled."""
        self.unclear.append((self.wishes[name].phrase, reason))


def combine(
    wishes: Iterable[Wish], presets: Mapping[str, Preset]
) -> tuple[str, dict[str, Any], list[Unclear]]:
    """Return a preset's name, the settings that differ from it, and what cannot be done, with reasons."""
    single, unclear = _one_each(wishes)
    plan = _Plan(presets, single, unclear=unclear)
    _preset(plan)
    _background(plan)
    plan.settings |= {name: wish.value for name, wish in single.items() if name in _PLAIN}
    _size(plan)
    _place(plan)
    _format(plan)
    _quality(plan)
    ordered = sorted(plan.settings.items(), key=lambda item: _ORDER[item[0]])
    return plan.preset, dict(ordered), plan.unclear


def _one_each(wishes: Iterable[Wish]) -> tuple[dict[str, Wish], list[Unclear]]:
    """One wish for each name. Two that contradict one another are both named; presets may go together."""
    groups: dict[str, list[Wish]] = {}
    unclear: list[Unclear] = []
    for wish in wishes:
        if wish.name == UNCLEAR:
            unclear.append((wish.phrase, wish.value))
        else:
            groups.setdefault(wish.name, []).append(wish)
    groups = _sizes_together(_presets_together(groups))
    single = {}
    for name, group in groups.items():
        if len({_plain(wish.value) for wish in group}) == 1:
            single[name] = group[-1]
        else:
            unclear += ((wish.phrase, "contradiction") for wish in group)
    return single, unclear


def _plain(value: object) -> object:
    return value.css if isinstance(value, Colour) else value


def _presets_together(groups: dict[str, list[Wish]]) -> dict[str, list[Wish]]:
    """A product for a marketplace is `marketplace`; hair, busy scenes and the matte go with any other."""
    named = {wish.value: wish for wish in groups.pop("preset", [])}
    if "marketplace" in named:
        named.pop("product", None)
    if DEFAULT in named and len(named) > 1:
        groups.setdefault("background", []).append(Wish("background", None, named.pop(DEFAULT).phrase))
    for side in ("mask-only", "hair", "complex"):
        if side in named and len(named) > 1:
            groups[side] = [named.pop(side)]
    return groups | ({"preset": list(named.values())} if named else {})


def _sizes_together(groups: dict[str, list[Wish]]) -> dict[str, list[Wish]]:
    """One size in millimetres and pixels, as `2寸, 413x579`, is that size at so many dots an inch."""
    sizes = {wish.value: wish for wish in groups.get("canvas", [])}
    printed = [wish for size, wish in sizes.items() if size.endswith("mm")]
    pixels = [wish for size, wish in sizes.items() if size.replace("x", "").isdecimal()]
    if len(sizes) != 2 or not printed or not pixels or not _has_shape(printed[0].value, pixels[0].value):  # noqa: PLR2004
        return groups
    inches = float(printed[0].value.partition("x")[0]) / MM_PER_INCH
    dpi = Wish("dpi", round(int(pixels[0].value.partition("x")[0]) / inches), pixels[0].phrase)
    return groups | {"canvas": printed, "dpi": [*groups.get("dpi", []), dpi]}


def _preset(plan: _Plan) -> None:
    plan.preset = plan.wished("preset") or DEFAULT
    for side in ("hair", "complex"):
        if side in plan.wishes:
            own, lent = plan.presets[plan.preset], BUILT_IN[side]
            plan.settings |= {
                name: getattr(lent, name) for name in _EDGE if getattr(lent, name) != getattr(own, name)
            }
    if "mask-only" in plan.wishes:
        plan.settings["content"] = "matte"


def _background(plan: _Plan) -> None:
    if "background" in plan.wishes:
        colour = plan.wished("background")
        if colour is not None:
            is_id_photo = colour.is_ground or plan.preset == "id-photo"
            colour = colour.id_photo if colour.id_photo and is_id_photo else colour.css
        if colour != plan.now("background") or colour is not None:
            plan.settings["background"] = colour
    denied = plan.wishes.get("not_background")
    if denied and plan.now("background") in {None, denied.value.css, denied.value.id_photo}:
        plan.cannot("not_background", "negated")


def _size(plan: _Plan) -> None:
    """One canvas of what is said of pixels, millimetres and shapes."""
    canvas, shape, side = plan.wished("canvas"), plan.wished("shape"), plan.wished("side")
    own = plan.presets[plan.preset].canvas
    if canvas is None and shape is None and side is None:
        canvas = plan.wished("usual_canvas")
    if canvas is not None:
        if side is not None and not _is_side(canvas, side):
            plan.cannot("side", "one_side")
        if shape is not None and not _has_shape(canvas, shape):
            plan.cannot("shape", "contradiction")
    elif side is not None and (shape or (own and ":" in own)):
        canvas = _pixels(shape or own or "1:1", side)
    else:
        canvas = shape
        if side is not None:
            plan.cannot("side", "one_side")
    if canvas is not None:
        plan.settings["canvas"] = _turned(plan, canvas)
    _least_side(plan)


def _least_side(plan: _Plan) -> None:
    """What needs a canvas, or the shape of one."""
    if "landscape" in plan.wishes and "canvas" not in plan.settings:
        plan.cannot("landscape", "no_canvas")
    if "min_side" in plan.wishes:
        if ":" in (plan.now("canvas") or ""):
            plan.settings["min_side"] = plan.wished("min_side")
        else:
            plan.cannot("min_side", "one_side")


def _is_side(canvas: str, side: int) -> bool:
    return canvas.startswith(f"{side}x") or canvas.endswith(f"x{side}")


def _has_shape(canvas: str, shape: str) -> bool:
    size, wanted = canvas_of(canvas, 300), canvas_of(shape, None)
    if size is None or wanted is None:
        return False
    return abs(size[0] * wanted[1] / (size[1] * wanted[0]) - 1) < 0.01  # noqa: PLR2004 - rounded to pixels


def _pixels(shape: str, side: int) -> str:
    """A canvas of this shape whose long side has ``side`` pixels."""
    size = canvas_of(shape, None)
    if size is None:
        return shape
    across, down = (max(1, round(side * each / max(size[:2]))) for each in size[:2])
    return f"{across}x{down}"


def _turned(plan: _Plan, canvas: str) -> str:
    """The canvas upright or lying, where that is said and it is not square."""
    if "landscape" not in plan.wishes or plan.wished("landscape") is None:
        return canvas
    paper = {
        "a3": "297x420mm",
        "a4": "210x297mm",
        "a5": "148x210mm",
        "a6": "105x148mm",
        "letter": "215.9x279.4mm",
    }
    text = paper.get(canvas, canvas)
    unit = "mm" if text.endswith("mm") else ""
    mark = ":" if ":" in text else "x"
    first, _, second = text.removesuffix("mm").partition(mark)
    is_lying = float(first) > float(second)
    return canvas if is_lying == plan.wished("landscape") else f"{second}{mark}{first}{unit}"


def _place(plan: _Plan) -> None:
    """How much of the canvas the subject takes; without a canvas that means nothing."""
    canvas = plan.now("canvas")
    size = canvas_of(canvas or "", plan.now("dpi") or 300)
    if "fill" in plan.wishes:
        plan.settings["fill"] = round(plan.wished("fill"), 4)
        if canvas is None:
            del plan.settings["fill"]
            plan.cannot("fill", "no_canvas")
    if "margin_px" in plan.wishes:
        if size and size[2] and "fill" not in plan.settings:
            plan.settings["fill"] = round(1 - 2 * plan.wished("margin_px") / min(size[:2]), 4)
        else:
            plan.cannot("margin_px", "no_canvas")
    if canvas is None and "anchor" in plan.settings:
        del plan.settings["anchor"]
        plan.cannot("anchor", "no_canvas")


def _format(plan: _Plan) -> None:
    """A format that can do what is wished: transparency, few kilobytes, 16 bits."""
    wanted = plan.wished("format")
    if wanted is not None:
        plan.settings["format"] = wanted
    is_matte = plan.now("content") == "matte"
    if plan.now("format") == "jpeg" and plan.now("background") is None and not is_matte:
        if wanted is None:
            plan.settings["format"] = "webp" if "max_kb" in plan.wishes else "png"
        elif "background" in plan.wishes:
            plan.cannot("format", "jpeg_opaque")
            plan.settings["format"] = "png"
        else:
            plan.settings["background"] = "#ffffff"
    if "bits" in plan.wishes:
        _bits(plan, wanted)
    if (plan.wished("max_kb") or LEAST_KB) < LEAST_KB:
        plan.cannot("max_kb", "range")
    elif "max_kb" in plan.wishes:
        if plan.now("format") not in SIZED_FORMATS and wanted is None and plan.now("bits") != 16:  # noqa: PLR2004
            plan.settings["format"] = "webp" if plan.now("background") is None and not is_matte else "jpeg"
        if plan.now("format") in SIZED_FORMATS:
            plan.settings["max_kb"] = plan.wished("max_kb")
        else:
            plan.cannot("max_kb", "one_size")


def _bits(plan: _Plan, wanted: str | None) -> None:
    if plan.wished("bits") == 16 and plan.now("format") not in DEEP_FORMATS:  # noqa: PLR2004 - bits
        if wanted is not None or "max_kb" in plan.wishes:
            plan.cannot("bits", "eight_bits")
            return
        plan.settings["format"] = "png"
    plan.settings["bits"] = plan.wished("bits")


def _quality(plan: _Plan) -> None:
    if not 1 <= (plan.wished("quality") or 1) <= BEST:
        plan.cannot("quality", "range")
    elif "quality" in plan.wishes:
        if (
            plan.now("format") in DEEP_FORMATS
            and "format" not in plan.settings
            and "bits" not in plan.settings
        ):
            plan.settings["format"] = "webp" if plan.now("background") is None else "jpeg"
        if plan.now("format") in DEEP_FORMATS:
            plan.cannot("quality", "no_quality")
        else:
            plan.settings["quality"] = plan.wished("quality")
    elif "good" in plan.wishes and plan.now("format") not in DEEP_FORMATS:
        plan.settings["quality"] = plan.wished("good")
    if "lossless" in plan.wishes:
        if plan.now("format") in {"webp", "jxl"}:
            plan.settings["quality"] = 100
        elif plan.now("format") not in DEEP_FORMATS:
            if "format" in plan.wishes or "max_kb" in plan.wishes:
                plan.cannot("lossless", "lossy")
            else:
                plan.settings["format"] = "png"
