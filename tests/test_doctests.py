"""The examples in the docstrings of the public interface are run, and do what they say."""

import doctest
import importlib

import pytest

MODULES = (
    "tasnet.config.conv_tasnet",
    "tasnet.errors",
    "tasnet.inference",
    "tasnet.model",
    "tasnet.typed",
    "analysis.scores.ideal_masks",
    "analysis.scores.metrics",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted and not done.failed
