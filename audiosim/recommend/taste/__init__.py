"""Taste: whether ratings can be told from features, what to expect of other tracks, and what to rate next."""
