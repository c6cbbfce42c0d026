"""Every picture: takes arrays, returns a plotly figure. `palette` has the colours."""
