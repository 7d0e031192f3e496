"""Commands that speak the public API: what any client could do with an HTTP library."""
