"""What is answered before Flask (:mod:`web.lane`): polls and submissions that are plain."""
