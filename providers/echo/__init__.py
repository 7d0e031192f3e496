"""What the ``echo`` provider is made of: the steps of its script, and the images that it paints."""
