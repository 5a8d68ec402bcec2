"""Numbers to charts: Altair definitions as Vega-Lite JSON, PNG or SVG."""
