"""HTML reports in one file: text, tables, charts and pictures, nothing fetched.

``Page`` collects the parts, ``charts`` draws with Matplotlib, ``pictures`` shows
frames and flow. Charts and pictures are PNG bytes, which the page embeds.
"""

from two_stream.report.page import Page, Tile

__all__ = ["Page", "Tile"]
