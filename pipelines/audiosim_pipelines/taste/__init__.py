"""The stage that learns from ratings."""
