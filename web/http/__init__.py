"""HTTP as every route needs it: bodies, problems, authentication, rate limits, links, files."""
