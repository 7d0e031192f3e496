"""The input of a request: checked, normalised, its images and conversations read."""
