"""The imagined shop that synthetic traffic visits: its pages, its visitors' devices and places."""

from itertools import accumulate
from typing import Any, NamedTuple


class Weighted(NamedTuple):
    """Things with cumulative weights, as ``random.choices`` wants them."""

    pairs: list[Any]
    weights: list[int]

    @classmethod
    def of(cls, *rows: tuple[int, Any]) -> "Weighted":
        """From (weight, thing)."""
        return cls([thing for _, thing in rows], list(accumulate(weight for weight, _ in rows)))


class Page(NamedTuple):
    """Where one goes from a page ("" leaves), what one clicks there, and the form on it."""

    following: tuple[str, ...]
    chances: tuple[int, ...]
    elements: tuple[str, ...]
    form: str = ""
    form_chance: float = 0.0


CLICK_CHANCE = 0.45

PAGES = {
    "/": Page(("/products", "/pricing", "/blog/{n}", "/docs", ""), (35, 15, 12, 13, 25), ("hero", "menu", "banner")),
    "/products": Page(
        ("/products/{n}", "/search", "/", ""), (55, 15, 8, 22), ("card", "filter", "sort"), "filter", 0.05
    ),
    "/products/{n}": Page(
        ("/products/{n}", "/cart", "/products", ""), (25, 18, 22, 35), ("add-to-cart", "image", "reviews")
    ),
    "/search": Page(("/products/{n}", "/search", ""), (55, 15, 30), ("result", "suggestion"), "search", 0.6),
    "/cart": Page(("/checkout", "/products", ""), (50, 20, 30), ("quantity", "remove", "checkout")),
    "/checkout": Page(("/account", "/", ""), (20, 10, 70), ("pay", "address"), "payment", 0.7),
    "/pricing": Page(("/signup", "/docs", ""), (35, 20, 45), ("plan", "faq")),
    "/signup": Page(("/account", "/docs", ""), (45, 20, 35), ("terms", "submit"), "signup", 0.55),
    "/account": Page(("/products", "/account", ""), (25, 15, 60), ("orders", "profile"), "profile", 0.1),
    "/docs": Page(("/docs/quickstart", "/docs/api", ""), (40, 30, 30), ("toc", "copy")),
    "/docs/quickstart": Page(("/docs/api", "/signup", ""), (35, 15, 50), ("copy", "next")),
    "/docs/api": Page(("/docs/api", "/docs/quickstart", ""), (30, 15, 55), ("copy", "toc")),
    "/blog/{n}": Page(("/blog/{n}", "/", ""), (25, 15, 60), ("share", "related"), "newsletter", 0.03),
}

ENTRIES = ("/", "/", "/", "/products", "/products/{n}", "/products/{n}", "/blog/{n}", "/docs", "/pricing")

REFERRERS: tuple[str | None, ...] = (
    None,
    None,
    "https://www.google.com/",
    "https://www.google.com/",
    "https://duckduckgo.com/",
    "https://www.bing.com/",
    "https://news.ycombinator.com/",
    "https://www.linkedin.com/",
)

FAILURES: tuple[dict[str, Any], ...] = (
    {"status": 500, "message": "Internal error"},
    {"status": 404, "message": "Not found"},
    {"status": 502, "message": "Bad gateway"},
    {"status": 0, "message": "TypeError: undefined is not a function"},
)

COUNTRIES = Weighted.of(
    (28, ("US", ("CA", "NY", "TX", "WA"))),
    (14, ("DE", ("BE", "BY", "HH", "NW"))),
    (10, ("GB", ("ENG", "SCT", "WLS"))),
    (9, ("IN", ("KA", "MH", "DL"))),
    (8, ("FR", ("IDF", "ARA", "PAC"))),
    (6, ("BR", ("SP", "RJ"))),
    (6, ("JP", ("13", "27"))),
    (5, ("CA", ("ON", "QC", "BC"))),
    (4, ("NL", ("NH", "ZH"))),
    (4, ("PL", ("14", "12"))),
    (3, ("AU", ("NSW", "VIC"))),
    (3, ("ES", ("MD", "CT"))),
)

_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_IPAD = "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

AGENTS = Weighted.of(
    (26, (f"{_WINDOWS} {_CHROME} Safari/537.36", "web")),
    (8, (f"{_WINDOWS} {_CHROME} Safari/537.36 Edg/131.0.0.0", "web")),
    (6, ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0", "web")),
    (10, (f"{_MAC} {_CHROME} Safari/537.36", "web")),
    (7, (f"{_MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "web")),
    (3, (f"{_LINUX} {_CHROME} Safari/537.36", "web")),
    (2, ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "web")),
    (12, (f"{_IPHONE} Version/18.1 Mobile/15E148 Safari/604.1", "web")),
    (12, (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_CHROME} Mobile Safari/537.36", "web")),
    (3, (f"{_IPAD} Version/17.6 Mobile/15E148 Safari/604.1", "web")),
    (6, ("Shop/4.2.0 (iPhone; iOS 18.1) CFNetwork/1568 Darwin/24.1.0", "mobile")),
    (5, ("Shop/4.2.0 Dalvik/2.1.0 (Linux; U; Android 14; SM-S921B)", "mobile")),
)

BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)

SERVERS = ("okhttp/4.12.0", "Shop-Backend/2.3", "Shop-Warehouse/1.8")
