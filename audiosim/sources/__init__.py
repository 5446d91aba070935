"""Where tracks come from: folders, playlists, tables of paths, and the synthesised demo library."""
