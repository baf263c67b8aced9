"""Frames and capture files for tests, built in the test that needs them."""
