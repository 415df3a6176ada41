"""JSON is edited in place: one value changes, and no other character."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from texsr.pipeline.formats.json_edit import edited

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)


@given(
    document=st.dictionaries(st.sampled_from('abc\n"é'), values, min_size=1),
    indent=st.sampled_from([None, 0, 3, "\t"]),
    ascii_only=st.booleans(),
    new=values,
    data=st.data(),
)
def test_editing_json_changes_one_value_and_no_other_character(
    document: dict[str, Any], indent: Any, ascii_only: bool, new: Any, data: st.DataObject
) -> None:
    text = "\n " + json.dumps(document, indent=indent, ensure_ascii=ascii_only) + " "
    place: list[str | int] = []
    node: Any = document
    while isinstance(node, dict | list) and node and (not place or data.draw(st.booleans())):
        key = data.draw(
            st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node)))
        )
        place.append(key)
        parent, node = node, node[key]
    changed = "".join(edited(text, {tuple(place): [json.dumps(new)]}))
    old = json.dumps(node)
    parent[place[-1]] = new
    assert json.loads(changed) == document
    back = "".join(edited(changed, {tuple(place): old}))
    parent[place[-1]] = json.loads(old)
    assert json.loads(back) == document
    if not isinstance(node, dict | list | str):
        assert back == text


def test_editing_json_adds_a_missing_member() -> None:
    assert "".join(edited('{"a": [{}, {"b": 1}]}', {("a", 0, "c"): "2", ("a", 1, "c"): "3"})) == (
        '{"a": [{"c":2}, {"c":3,"b": 1}]}'
    )
