"""The page that billers and coders read: one self-contained HTML file, without scripts."""

from scrubber.outputs.reports.html.writer import HtmlWriter

__all__ = ["HtmlWriter"]
