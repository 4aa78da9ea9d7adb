"""The wardrobe: every kind of piece the sample shop sells, in the real catalogue's words."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.ingest.sample import accessories, bottoms, footwear, tops
from pipelines.ingest.sample.look import Draw

ADULTS = ("Men", "Women")
ALL = ("Men", "Women", "Unisex", "Boys", "Girls")
DENIM = ("Blue", "Navy Blue", "Black", "Grey")
LEATHER = ("Black", "Brown", "Maroon", "Charcoal", "Beige", "Navy Blue")
SCENT = ("Pink", "Gold", "Lavender", "Turquoise Blue", "Peach", "Green", "Blue")
LIP = ("Red", "Pink", "Maroon", "Peach", "Orange", "Purple")


@dataclass(frozen=True)
class Cut:
    """A way to make a kind of piece: the drawing's word for it, and what a name says."""

    word: str
    noun: str
    colours: tuple[str, ...] = ()  # base colours it comes in; none = any that cloth is dyed in
    is_plain: bool = False  # too much going on for a print


@dataclass(frozen=True)
class Kind:
    """An article type with its place in the catalogue and its share of the shop."""

    article_type: str
    sub_category: str
    master_category: str
    draw: Draw
    cuts: tuple[Cut, ...]
    weight: int
    genders: tuple[str, ...] = ADULTS
    usages: tuple[str, ...] = ("Casual",)
    prints: tuple[str, ...] = ("plain",)


def _top(name: str, draw: Draw, *cuts: Cut, weight: int, **words: tuple[str, ...]) -> Kind:
    return Kind(name, "Topwear", "Apparel", draw, cuts, weight, **words)


def _bottom(name: str, draw: Draw, *cuts: Cut, weight: int, **words: tuple[str, ...]) -> Kind:
    return Kind(name, "Bottomwear", "Apparel", draw, cuts, weight, **words)


def _shoe(
    name: str, draw: Draw, noun: str, *, weight: int, colours: tuple[str, ...] = (), **words: tuple[str, ...]
) -> Kind:
    return Kind(name, "Shoes", "Footwear", draw, (Cut("", noun, colours),), weight, **words)


_TEES = (
    Cut("crew", "Tshirt"),
    Cut("vee", "V-Neck Tshirt"),
    Cut("raglan", "Raglan Tee", is_plain=True),
    Cut("badge", "Print Tshirt", is_plain=True),
)
_MOTIFS = ("striped", "polka", "floral")
_WOMEN, _OFFICE = ("Women",), ("Formal", "Smart Casual")

_APPAREL = (
    _top(
        "Tshirts",
        tops.draw_tee,
        *_TEES,
        weight=12,
        genders=ALL,
        usages=("Casual", "Casual", "Sports"),
        prints=("striped", "polka"),
    ),
    _top(
        "Shirts",
        tops.draw_shirt,
        Cut("long", "Shirt"),
        Cut("half", "Half Sleeve Shirt"),
        weight=8,
        genders=("Men", "Boys"),
        usages=("Casual", "Formal"),
        prints=("check", "striped", "check"),
    ),
    _top(
        "Tops",
        tops.draw_blouse,
        Cut("", "Blouse"),
        Cut("", "Top"),
        weight=4,
        genders=("Women", "Girls"),
        prints=_MOTIFS,
    ),
    _top("Tops", tops.draw_tank, Cut("", "Tank Top"), weight=3, usages=("Casual", "Sports"), prints=("striped",)),
    _top(
        "Sweatshirts",
        tops.draw_hoodie,
        Cut("", "Hoodie"),
        Cut("", "Hooded Sweatshirt"),
        weight=4,
        genders=ALL,
        usages=("Casual", "Sports"),
    ),
    _top("Sweaters", tops.draw_sweater, Cut("", "Sweater"), Cut("cardigan", "Cardigan"), weight=4),
    _top(
        "Jackets",
        tops.draw_jacket,
        Cut("", "Jacket"),
        Cut("denim", "Denim Jacket", DENIM),
        weight=4,
        usages=("Casual", "Travel"),
    ),
    _top("Blazers", tops.draw_blazer, Cut("", "Blazer"), weight=2, usages=_OFFICE),
    _bottom("Jeans", bottoms.draw_jeans, Cut("", "Jeans", DENIM), Cut("", "Slim Fit Denim Jeans", DENIM), weight=5),
    _bottom("Trousers", bottoms.draw_trousers, Cut("", "Trousers"), weight=3, usages=_OFFICE, prints=("check",)),
    _bottom(
        "Shorts",
        bottoms.draw_shorts,
        Cut("", "Shorts"),
        Cut("", "Denim Shorts", DENIM),
        Cut("sweat", "Sweatshorts"),
        weight=5,
        genders=("Men", "Women", "Boys", "Girls"),
        usages=("Casual", "Sports"),
    ),
    _bottom(
        "Skirts",
        bottoms.draw_skirt,
        Cut("", "Skirt"),
        Cut("pencil", "Pencil Skirt"),
        weight=3,
        genders=("Women", "Girls"),
        prints=_MOTIFS,
    ),
    Kind(
        "Dresses",
        "Dress",
        "Apparel",
        bottoms.draw_dress,
        (Cut("", "Dress"), Cut("sleeved", "Dress"), Cut("maxi", "Maxi Dress"), Cut("bodycon", "Bodycon Dress")),
        6,
        ("Women", "Girls"),
        ("Casual", "Party"),
        _MOTIFS,
    ),
    Kind("Jumpsuit", "Dress", "Apparel", bottoms.draw_jumpsuit, (Cut("", "Jumpsuit"),), 2, _WOMEN),
)
_FOOTWEAR = (
    _shoe("Casual Shoes", footwear.draw_sneaker, "Casual Shoes", weight=5, genders=("Men", "Women", "Unisex")),
    _shoe("Sports Shoes", footwear.draw_trainer, "Running Shoes", weight=4, usages=("Sports",)),
    _shoe(
        "Formal Shoes",
        footwear.draw_formal_shoe,
        "Formal Shoes",
        weight=2,
        colours=LEATHER,
        genders=("Men",),
        usages=("Formal",),
    ),
    _shoe("Heels", footwear.draw_heel, "Heels", weight=3, genders=_WOMEN, usages=("Casual", "Party")),
    Kind("Sandals", "Sandal", "Footwear", footwear.draw_sandal, (Cut("", "Sandals"),), 3),
    Kind(
        "Flip Flops",
        "Flip Flops",
        "Footwear",
        footwear.draw_flip_flop,
        (Cut("", "Flip Flops"),),
        2,
        ("Men", "Women", "Unisex"),
    ),
)
_ACCESSORIES = (
    Kind(
        "Watches",
        "Watches",
        "Accessories",
        accessories.draw_watch,
        (Cut("", "Watch", LEATHER),),
        5,
        usages=("Casual", "Formal"),
    ),
    Kind(
        "Handbags",
        "Bags",
        "Accessories",
        accessories.draw_handbag,
        (Cut("", "Handbag"),),
        4,
        _WOMEN,
        ("Casual", "Party"),
    ),
    Kind(
        "Backpacks",
        "Bags",
        "Accessories",
        accessories.draw_backpack,
        (Cut("", "Backpack"),),
        2,
        ("Unisex",),
        ("Casual", "Travel"),
    ),
    Kind("Sunglasses", "Eyewear", "Accessories", accessories.draw_sunglasses, (Cut("", "Sunglasses"),), 3),
    Kind("Caps", "Headwear", "Accessories", accessories.draw_cap, (Cut("", "Cap"),), 2, ("Men", "Unisex")),
    Kind(
        "Belts",
        "Belts",
        "Accessories",
        accessories.draw_belt,
        (Cut("", "Belt", LEATHER),),
        2,
        usages=("Casual", "Formal"),
    ),
    Kind(
        "Ties",
        "Ties",
        "Accessories",
        accessories.draw_tie,
        (Cut("", "Tie"),),
        1,
        ("Men",),
        ("Formal",),
        ("striped", "polka"),
    ),
    Kind(
        "Stoles", "Stoles", "Accessories", bottoms.draw_shawl, (Cut("", "Shawl"),), 1, _WOMEN, ("Ethnic",), ("floral",)
    ),
)
_CARE = (
    Kind(
        "Perfume and Body Mist",
        "Fragrance",
        "Personal Care",
        accessories.draw_perfume,
        (Cut("", "Perfume", SCENT),),
        2,
    ),
    Kind("Lipstick", "Lips", "Personal Care", accessories.draw_lipstick, (Cut("", "Lipstick", LIP),), 2, _WOMEN),
    Kind(
        "Nail Polish",
        "Nails",
        "Personal Care",
        accessories.draw_nail_polish,
        (Cut("", "Nail Polish"),),
        1,
        _WOMEN,
    ),
)

KINDS = (*_APPAREL, *_FOOTWEAR, *_ACCESSORIES, *_CARE)
WEIGHTS = tuple(kind.weight for kind in KINDS)
