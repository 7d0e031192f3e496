"""Finds out what an app can do, declares it, and compares a declaration with the live app."""
