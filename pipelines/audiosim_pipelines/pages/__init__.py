"""Pages to look at: each a single HTML file without network, one room a kind, drawn in one style."""
