"""The answer of ``ipipdiag trace``: its model, how it is built from a trace, and its formats."""
