"""Packages that load themselves piece by piece on use, and so are loaded before the first page runs.

Streamlit runs every visit in its own thread. Two first visits that used pandas or plotly at the same time could find
each other's half-loaded modules: "partially initialized module". `app.py` imports this first, and Python lets only one
thread at a time through it.
"""

import pandas
import plotly.colors
import plotly.io
import plotly.offline
import plotly.subplots
import plotly.tools
from plotly.graph_objects import Bar, Box, Figure, Heatmap, Image, Scatter, Scattergl, Violin

__all__ = ["Bar", "Box", "Figure", "Heatmap", "Image", "Scatter", "Scattergl", "Violin", "pandas", "plotly"]
