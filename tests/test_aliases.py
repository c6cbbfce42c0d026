"""Earlier names of bundled models lead to what took their place, in commands and links."""

import pytest
from page_tools import open_page

import tasnet
from tasnet import checkpoint
from tasnet.inference import find_checkpoint


@pytest.mark.parametrize(("old", "new"), checkpoint.ALIASES.items())
def test_an_earlier_name_is_the_model_that_took_its_place(old, new):
    known = checkpoint.bundled()
    assert old not in known and find_checkpoint(old) == known[new]
    assert tasnet.Separator(old, "cpu").name == new


def test_a_link_with_an_earlier_name_opens_the_model_and_is_put_right():
    old, new = next(iter(checkpoint.ALIASES.items()))
    first = next(name for name in checkpoint.bundled() if name != new)
    app = open_page("pages/filters.py", model=first, against=old)
    assert not app.exception and app.selectbox(key="against").value == new
    app.query_params["model"] = old
    app.run()
    assert app.selectbox(key="model").value == new
    assert new in app.query_params["model"]
