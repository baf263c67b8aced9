"""Tests of the trace: matching, clocks, and what is counted hop by hop."""
