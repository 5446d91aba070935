"""Journeys: the course through a plane, the tracks along it, and what can be said of a list."""
