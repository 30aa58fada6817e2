"""Reports of comparisons: text tables, Markdown and HTML."""
