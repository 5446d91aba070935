"""What to hear next to what: neighbours, journeys, sessions, taste, genre."""
