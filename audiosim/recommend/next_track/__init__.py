"""What is played next: sessions, models that learn from them, and how well they foretell."""
