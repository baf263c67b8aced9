"""The checks: one module, one check; its docstring is its user page."""
