"""Sheets, plots and HTML: how results are shown. One visual style, readable in print and by the colour-blind."""
