"""ipipdiag: what Calico's IP-in-IP should have done, beside what packet captures show."""

__version__ = "0.1.0"
