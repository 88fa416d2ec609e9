"""firststep: everything you decide before the first optimizer step."""
