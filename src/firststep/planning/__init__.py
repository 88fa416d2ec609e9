"""One model: rules, plan, apply, report."""
