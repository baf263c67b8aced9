"""Decoding: unit tests, and a comparison with tshark on every recorded frame."""
