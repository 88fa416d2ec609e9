"""What our losses are measured against, one file per family."""
