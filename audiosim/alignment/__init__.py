"""Which passages of two tracks match, and what two tracks that match are to each other."""
