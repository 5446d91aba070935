"""The stage that judges models on a listening history, and asks the best of them."""
