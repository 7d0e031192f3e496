"""Connections to addresses that users gave: looked up once, checked, and pinned to what was checked."""
