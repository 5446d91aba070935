"""The stage that tells genres."""
