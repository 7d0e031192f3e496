"""Lists of jobs: which jobs a page shows, without reading more of the others than the filter needs."""
