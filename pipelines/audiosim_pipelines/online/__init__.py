"""The network: the only room that opens a connection, for commands that say so, and sends nothing but GET."""
