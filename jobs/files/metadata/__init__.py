"""What an image's file says of itself: the recipe, and nothing that its upstream wrote. The pixels stay as they are.

A file is taken apart into the pieces of its format. Those that the image
consists of are kept byte for byte; all others are dropped (whose camera, whose
prompt, whose workflow, a script behind the end), and the label is put in.
The same image with the same label gives the same bytes.
"""

from jobs.files.metadata.label import Label, label_of
from jobs.files.metadata.rewrite import rewrite

__all__ = ["Label", "label_of", "rewrite"]
