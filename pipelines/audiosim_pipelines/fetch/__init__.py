"""Fetching music by spotdl, a separate program: asked politely, ended in time, and nothing of it believed unheard."""
