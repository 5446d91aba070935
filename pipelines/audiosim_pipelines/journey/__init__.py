"""The stage that plans journeys, keeps them and writes them."""
