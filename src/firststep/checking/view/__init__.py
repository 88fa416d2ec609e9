"""Showing: a report as text and as a page."""
