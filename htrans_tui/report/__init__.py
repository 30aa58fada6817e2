"""Comparisons as people read them: tables of text, Markdown, and a page of HTML."""
