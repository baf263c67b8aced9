"""Redaction: addresses, MACs and names replaced by others, the same ones everywhere in a run or under one key."""
