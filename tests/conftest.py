"""Fixtures for all tests."""

pytest_plugins = ["tests.redis_servers", "tests.spaces.launcher"]
