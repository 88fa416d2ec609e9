"""To be written."""

from __future__ import annotations

from typing import Any


def text(spec: Any) -> str:
    return spec.name


def html(spec: Any) -> str:
    return spec.name


def listing(catalog: Any) -> str:
    return ""


def listing_html(catalog: Any) -> str:
    return ""
