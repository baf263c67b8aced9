"""Cluster files: what ``--cluster`` names, read into a :class:`~ipipdiag.cluster.configuration.Configuration`."""
