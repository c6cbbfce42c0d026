"""What is loaded before the first page runs, as it loads itself piece by piece when it is touched.

Streamlit runs every visit in a thread of its own. Where two first visits touched pandas or plotly at once, each could
find the other's halves: "partially initialized module". `app.py` imports this first, and Python lets one thread at a
time through it.
"""

import pandas
import plotly.colors
import plotly.io
import plotly.offline
import plotly.subplots
import plotly.tools
from plotly.graph_objects import Bar, Box, Figure, Heatmap, Image, Scatter, Scattergl, Violin

__all__ = ["Bar", "Box", "Figure", "Heatmap", "Image", "Scatter", "Scattergl", "Violin", "pandas", "plotly"]
