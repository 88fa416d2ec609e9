"""Schemes: how one parameter is filled."""
