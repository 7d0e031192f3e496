"""Fixtures for all tests."""

pytest_plugins = ["tests.support.redis_servers", "tests.support.routes", "tests.spaces.launcher"]
