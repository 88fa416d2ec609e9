"""Seeing: (model, loss, batch) -> Evidence."""
