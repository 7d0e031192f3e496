"""gunicorn's gevent worker, with shorter ways for what every small answer passes."""
