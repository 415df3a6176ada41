"""HTML elements as values: text is escaped by construction."""

import html
from collections.abc import Iterable, Sequence
from typing import final

# Elements without content and closing tag.
VOID = frozenset({"img", "br", "meta", "input"})


@final
class Markup(str):
    """HTML that is safe to put into a page. Only `element` and `joined` should make it."""

    __slots__ = ()


Content = str | float | int


def element(name: str, *content: Content, **attributes: str | float | None) -> Markup:
    """Build an element; plain strings and numbers among its content are escaped.

    Args:
        name: the tag.
        content: text or markup.
        attributes: a trailing or inner underscore stands for none or a hyphen (`class_`,
            `aria_label`); None leaves the attribute out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(content: Iterable[Content]) -> Markup:
    """Put pieces one after the other, escaping those that are no markup."""
    return Markup("".join(c if isinstance(c, Markup) else html.escape(str(c)) for c in content))


def table(head: Sequence[Content], rows: Iterable[Sequence[Content]], *, caption: str) -> Markup:
    """Build a table whose first column names the row, in a box that scrolls by itself."""
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in rows
    ]
    titles = element("tr", *(element("th", title, scope="col") for title in head))
    inner = element(
        "table",
        element("caption", caption),
        element("thead", titles),
        element("tbody", *body),
    )
    return element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption)
