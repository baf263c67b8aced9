"""The same packet at several points: which points lie on its way, where it was seen, lost and delayed."""
